// Regular expressions that take linear time, by RE2, whose syntax is that of Go, of Xray and of V2Ray's geo
// data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace muxpro::proxy {

/// Of one expression.
inline constexpr std::size_t max_pattern = 1024;

class pattern {
 public:
  explicit pattern(std::string_view text);
  pattern(pattern&&) noexcept;
  ~pattern();

  /// Empty if it may be used, else what is wrong with it.
  const std::string& mistake() const noexcept { return mistake_; }
  /// Anywhere in the text, as in Go.
  bool found_in(std::string_view text) const;

 private:
  std::unique_ptr<re2::RE2> compiled_;
  std::string mistake_;
};

/// The expression that finds this text.
std::string pattern_of(std::string_view text);

/// Many expressions that are looked for in one pass.
class pattern_set {
 public:
  pattern_set();
  pattern_set(pattern_set&&) noexcept;
  ~pattern_set();

  /// Returns an empty string, or what is wrong with the expression. It is not added then.
  std::string add(std::string_view text);
  /// After the last add(). Empty, or why they cannot be used together.
  std::string finish();
  /// Appends the places of all that match, in the order of add().
  void find(std::string_view text, std::vector<int>& found) const;
  bool empty() const noexcept { return empty_; }

 private:
  struct compiled;
  std::unique_ptr<compiled> compiled_;
  bool empty_ = true;
};

}  // namespace muxpro::proxy
