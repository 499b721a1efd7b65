// A configuration as a tree of values, and how its objects are read: all mistakes are collected, each with
// its place. Ring 4, a rule: no I/O.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muxpro::proxy {

struct setting {
  using list = std::vector<setting>;
  using object = std::map<std::string, setting, std::less<>>;

  setting() = default;
  template <class T>
  explicit setting(T value) : is(std::move(value)) {}

  std::variant<std::nullptr_t, bool, double, std::string, list, object> is;

  friend bool operator==(const setting&, const setting&) = default;
};

struct config_mistake {
  std::string path;      ///< "inbounds[0].port"
  std::string sentence;  ///< what is wrong, and what is allowed

  friend bool operator==(const config_mistake&, const config_mistake&) = default;
};

/// Those of one configuration, in the order in which they were found.
class config_mistakes {
 public:
  /// Nobody reads more; what comes after them is counted.
  static constexpr std::size_t most = 200;

  void add(std::string path, std::string sentence);
  bool empty() const noexcept { return count_ == 0; }
  bool full() const noexcept { return count_ >= most; }
  std::size_t count() const noexcept { return count_; }
  const std::vector<config_mistake>& all() const noexcept { return all_; }

 private:
  std::vector<config_mistake> all_;
  std::size_t count_ = 0;
};

/// What somebody wrote, fit for one line of a terminal: printable, and not too long.
std::string shown(std::string_view text, std::size_t longest = 60);
/// The one of `known` that `text` was probably meant to be; empty: none is like it.
std::string_view alike(std::string_view text, const std::vector<std::string_view>& known);

/// Reads one object. Each function asks for a key, so that keys nobody has asked for are mistakes in the end;
/// where the key is absent or wrong, `out` stays as it is. All return whether the key was there and right.
class settings {
 public:
  using reader = std::function<void(settings&)>;
  template <class T>
  using choices = std::vector<std::pair<std::string_view, T>>;

  /// Calls `read` if `value` is an object, then reports keys that it did not ask for.
  static bool read(const setting& value, std::string path, config_mistakes& to, const reader& read);
  settings(const settings&) = delete;

  bool has(std::string_view key);
  bool text(std::string_view key, std::string& out);
  /// The same for what no message may show.
  bool secret(std::string_view key, std::string& out);
  bool flag(std::string_view key, bool& out);
  /// A whole number from `least` to `most`; a text of digits will do.
  template <class T>
  bool number(std::string_view key, T& out, T least, T most = std::numeric_limits<T>::max()) {
    std::int64_t n = 0;
    const bool there = whole(key, n, static_cast<std::int64_t>(least), highest(most));
    if (there) out = static_cast<T>(n);
    return there;
  }
  /// `unit` is what 1 means.
  bool time(std::string_view key, duration& out, duration unit, double least, double most);
  /// One text, which may hold several at commas, or a list of texts.
  bool texts(std::string_view key, std::vector<std::string>& out);
  /// A text or a number, as text: ports.
  bool text_or_number(std::string_view key, std::string& out);
  template <class T>
  bool one_of(std::string_view key, T& out, const choices<T>& allowed) {
    std::string name;
    if (!text(key, name)) return false;
    std::vector<std::string_view> names;
    for (const auto& [n, value] : allowed) {
      if (n == name) return out = value, true;
      names.push_back(n);
    }
    not_one_of(key, name, names);
    return false;
  }
  bool object(std::string_view key, const reader& read);
  /// A list of at most so many objects; `read` gets each, with its index.
  bool objects(std::string_view key, const std::function<void(settings&, std::size_t)>& read,
               std::size_t most = 1024);
  /// An object whose keys are names: `read` gets each value with its name and path.
  using named_reader = std::function<void(const std::string& name, const setting&, std::string path)>;
  bool each(std::string_view key, const named_reader& read);

  /// The sentence after "PATH: ".
  void wrong(std::string_view key, std::string sentence);
  /// What is wrong with the object itself.
  void wrong(std::string sentence) { mistakes_.add(path_, std::move(sentence)); }
  /// A key that would be known elsewhere: it is a mistake if it is there.
  void refuse(std::string_view key, std::string sentence);
  /// "is 'NAME'; it must be one of ..."
  void not_one_of(std::string_view key, std::string_view name, const std::vector<std::string_view>& allowed);
  /// Says that it is missing if it is; `what` completes "it is needed: ...".
  bool needs(std::string_view key, std::string_view what);

  const std::string& path() const noexcept { return path_; }
  std::string path(std::string_view key) const;
  config_mistakes& mistakes() noexcept { return mistakes_; }

 private:
  settings(const setting::object& o, std::string path, config_mistakes& to)
      : object_(o), path_(std::move(path)), mistakes_(to) {}
  template <class T>
  static std::int64_t highest(T most) {
    constexpr std::uint64_t exact = std::uint64_t{1} << 53;
    return static_cast<std::int64_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(most), exact));
  }
  const setting* find(std::string_view key);
  bool whole(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most);
  void expected(std::string_view key, const setting& found, std::string_view what);
  void report_unknown();

  const setting::object& object_;
  const std::string path_;
  config_mistakes& mistakes_;
  std::vector<std::string> asked_;
};

}  // namespace muxpro::proxy
