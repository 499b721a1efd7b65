// setting, a configuration as a tree of values. settings, which reads one object of it and collects all
// mistakes with their paths. config_reference, the same readers' description of all keys. Ring 4, a rule
// without I/O.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
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

/// What becomes of a key that has no meaning.
enum class unknown_keys : std::uint8_t { mistakes, notes };

/// The mistakes of one configuration, in the order in which they were found. Notes are no mistakes. They
/// report keys without effect, and values that the configuration leaves out.
class config_mistakes {
 public:
  /// The number of mistakes and of notes that are kept. Further mistakes are only counted.
  static constexpr std::size_t most = 200;

  explicit config_mistakes(unknown_keys u = unknown_keys::mistakes) : unknown_(u) {}

  void add(std::string path, std::string sentence);
  void note(std::string path, std::string sentence);
  unknown_keys unknown() const noexcept { return unknown_; }
  bool empty() const noexcept { return count_ == 0; }
  bool full() const noexcept { return count_ >= most; }
  std::size_t count() const noexcept { return count_; }
  const std::vector<config_mistake>& all() const noexcept { return all_; }
  const std::vector<config_mistake>& notes() const noexcept { return notes_; }

 private:
  const unknown_keys unknown_;
  std::vector<config_mistake> all_, notes_;
  std::size_t count_ = 0;
};

/// Returns `text` for one line of a terminal. Control characters are replaced, and it is cut after `longest`
/// bytes.
std::string sanitized(std::string_view text, std::size_t longest = 60);
/// Returns the entry of `known` that is most similar to `text`. Empty if no entry is similar enough.
std::string_view closest_match(std::string_view text, const std::vector<std::string_view>& known);

/// Returns whether two names are equal except for the case of ASCII letters, because V2Ray and Xray take
/// "Warning" for "warning".
bool same_word(std::string_view a, std::string_view b);

/// The name of a key, with its meaning for the reference.
struct setting_key {
  template <std::convertible_to<std::string_view> Name>
  setting_key(const Name& n, std::string_view m = {}) : name(n), meaning(m) {}

  std::string_view name, meaning;
};

/// All objects of a configuration with the keys that their readers ask for.
struct config_reference {
  struct key {
    std::string name;
    std::string type;      ///< "a whole number from 1 to 65535"
    std::string fallback;  ///< the default, empty without one or if it depends on other keys
    std::string required;  ///< what the key must be if it is required, else empty
    std::string meaning;
  };
  struct section {
    std::string object;   ///< path such as "inbounds[].settings", empty for the whole configuration
    std::string variant;  ///< the protocol of the objects that have these keys, empty if all have them
    std::string meaning;
    std::vector<key> keys;
  };

  /// The sections and keys at `path` and below it: "inbounds.socks", "inbounds[0].settings.udp",
  /// "routing.rules". Letters may be in any case. Indices and protocols may be left out, and "settings"
  /// behind a protocol. An empty path is the whole. The result is empty if there is no such path.
  config_reference below(std::string_view path) const;
  /// Returns the existing path that is most similar to `path`. Empty if no path is similar enough.
  std::string closest_match(std::string_view path) const;

  std::vector<section> sections;
};

/// Reads one object. A key with the value null counts as absent. Each function reads a key, which may have
/// other names in the object. Keys that no function has read are reported. If the key is absent or wrong,
/// `out` is not changed, so its value before the call is the default. All return true if the key is present
/// and valid.
class settings {
 public:
  using reader = std::function<void(settings&)>;
  template <class T>
  using choices = std::vector<std::pair<std::string_view, T>>;

  /// Calls `read` if `value` is an object, then reports keys that it did not ask for.
  static bool read(const setting& value, std::string path, config_mistakes& to, const reader& read);
  /// Calls `read` with an empty object, and notes each key that it asks for, with its type and default.
  /// Objects within the object are described in the same way.
  static config_reference describe(const reader& read);
  settings(const settings&) = delete;

  /// Returns whether the keys are described, and not read. All functions that read then return false, and
  /// needs() returns true.
  bool describing() const noexcept { return reference_ != nullptr; }
  /// Sets what the reference shows as the type of `key`. Has no effect if the object is read.
  void describe(const setting_key& key, std::string type);
  /// Describes the keys that the object `key` has in the variant `name`. Has no effect if the object is read.
  void describe_variant(const setting_key& key, std::string_view name, const reader& read);

  bool has(std::string_view key);
  /// Whether a function has asked for the key.
  bool asked(std::string_view key) const {
    return std::find(asked_.begin(), asked_.end(), key) != asked_.end();
  }
  bool text(const setting_key& key, std::string& out);
  /// The same for texts that no message may show.
  bool secret(const setting_key& key, std::string& out);
  bool flag(const setting_key& key, bool& out);
  bool flag(const setting_key& key, std::optional<bool>& out);
  /// True, false, or a whole number, of which those above 0 are true. `count` gets such a number.
  bool flag_or_count(const setting_key& key, bool& out, std::uint32_t& count);
  /// A whole number from `least` to `most`. A text of digits will do.
  template <class T>
  bool number(const setting_key& key, T& out, T least, T most = std::numeric_limits<T>::max()) {
    auto n = static_cast<std::int64_t>(out);
    const bool there = whole(key, n, static_cast<std::int64_t>(least), highest(most));
    if (there) out = static_cast<T>(n);
    return there;
  }
  template <class T>
  bool number(const setting_key& key, std::optional<T>& out, T least,
              T most = std::numeric_limits<T>::max()) {
    auto n = static_cast<std::int64_t>(least) - 1;  // no default
    const bool there = whole(key, n, static_cast<std::int64_t>(least), highest(most));
    if (there) out = static_cast<T>(n);
    return there;
  }
  /// A number, which may have a fraction.
  bool real(const setting_key& key, double& out, double least, double most);
  /// `unit` is what 1 means.
  bool time(const setting_key& key, duration& out, duration unit, double least, double most);
  /// One text, which may hold several at commas, or a list of texts.
  bool texts(const setting_key& key, std::vector<std::string>& out);
  /// Reads a text or a number as text, for example a port.
  bool text_or_number(const setting_key& key, std::string& out);
  /// A list of numbers, as text: "1,28".
  bool numbers(const setting_key& key, std::string& out);
  template <class T>
  bool one_of(const setting_key& key, T& out, const choices<T>& allowed) {
    std::vector<std::string_view> names;
    for (const auto& [n, value] : allowed) names.push_back(n);
    if (describing()) {
      const auto by_default =
          std::find_if(allowed.begin(), allowed.end(), [&](const auto& c) { return c.second == out; });
      return describe_choice(key, names,
                             by_default == allowed.end() ? std::string_view() : by_default->first);
    }
    std::string name;
    if (!text(key, name) || name.empty()) return false;  // as in Xray an empty text chooses nothing
    for (const auto& [n, value] : allowed)
      if (same_word(n, name)) return out = value, true;
    not_one_of(key.name, name, names);
    return false;
  }
  bool object(const setting_key& key, const reader& read);
  /// Reads a list of at most so many objects. `read` gets each, with its index.
  bool objects(const setting_key& key, const std::function<void(settings&, std::size_t)>& read,
               std::size_t most = 1024);
  /// One object, or a list of objects.
  bool one_or_more(const setting_key& key, const std::function<void(settings&, std::size_t)>& read);
  /// A list of texts and objects. `text` gets "KEY[3]" as well.
  bool texts_or_objects(const setting_key& key,
                        const std::function<void(std::string_view place, const std::string&)>& text,
                        const reader& object);
  /// An object whose keys are names: `read` gets each value with its name and path.
  using named_reader = std::function<void(const std::string& name, const setting&, std::string path)>;
  bool each(const setting_key& key, const named_reader& read);
  /// The same if the values are objects. The reference shows `example` as the name of one of them.
  bool each_object(const setting_key& key, std::string_view example,
                   const std::function<void(const std::string& name, settings&)>& read);

  /// Reports a mistake about `key`. `sentence` follows "PATH: ".
  void wrong(std::string_view key, std::string sentence);
  /// The same for what is no mistake.
  void note(std::string_view key, std::string sentence);
  /// Reports a mistake about the object itself.
  void wrong(std::string sentence) { mistakes_.add(path_, std::move(sentence)); }
  /// Notes `sentence`, unless it is empty, if `key` is there. The reference does not have the key.
  void pass_over(std::string_view key, std::string sentence);
  /// Reports `sentence` if `key` is there, for keys that are only allowed elsewhere.
  void refuse(std::string_view key, std::string sentence);
  /// "is 'NAME'; it must be one of ..."
  void not_one_of(std::string_view key, std::string_view name, const std::vector<std::string_view>& allowed);
  /// Reports a mistake if `key` is missing. `what` completes "is missing; it must be ...".
  bool needs(std::string_view key, std::string_view what);

  const std::string& path() const noexcept { return path_; }
  std::string path(std::string_view key) const;
  config_mistakes& mistakes() noexcept { return mistakes_; }

 private:
  settings(const setting::object& o, std::string path, config_mistakes& to)
      : object_(o), path_(std::move(path)), mistakes_(to) {}
  settings(std::string path, config_mistakes& to, config_reference& reference, std::string_view variant,
           std::string_view meaning);
  template <class T>
  static std::int64_t highest(T most) {
    constexpr std::uint64_t exact = std::uint64_t{1} << 53;
    return static_cast<std::int64_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(most), exact));
  }
  const setting* find(std::string_view key);
  const setting* value_of(std::string_view key) const;
  std::string_view written(std::string_view key) const;
  void report_both_names();
  void report_unknown(std::string_view key, const std::vector<std::string_view>& known);
  bool whole(const setting_key& key, std::int64_t& out, std::int64_t least, std::int64_t most);
  bool describe(const setting_key& key, std::string type, std::string fallback);
  bool describe_choice(const setting_key& key, const std::vector<std::string_view>& names,
                       std::string_view fallback);
  void describe_object(const setting_key& key, std::string_view suffix, const reader& read);
  void describe_undescribed();
  config_reference::key& entry(std::string_view name);
  void expected(std::string_view key, const setting& found, std::string_view what);
  void report_unknown();

  const setting::object& object_;
  const std::string path_;
  config_mistakes& mistakes_;
  std::vector<std::string> asked_, passed_over_;
  config_reference* reference_ = nullptr;
  std::size_t section_ = 0;  ///< of reference_, if it is there
};

}  // namespace muxpro::proxy
