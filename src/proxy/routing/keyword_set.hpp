// keyword_set: finds which of many keywords a text contains, in one pass over it (Aho and Corasick, 1975).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muxpro::proxy {

/// The time depends on the length of the text and on what is found, not on the number of keywords.
class keyword_set {
 public:
  using value = std::uint32_t;

  /// Not empty.
  void add(std::string_view keyword, value v);
  /// After the last add().
  void finish();
  /// Appends the values of all keywords in `text`, some of them more than once.
  void find(std::string_view text, std::vector<value>& found) const;

 private:
  using place = std::uint32_t;  ///< of a node
  /// A beginning of keywords.
  struct node {
    place parent = 0;
    std::uint32_t depth = 0;
    char last = 0;
    /// The longest end of this beginning that is a beginning, too, and the next of these ends that is a
    /// keyword.
    place shorter = 0, keyword = 0;
    std::vector<value> values;
  };

  static std::uint64_t edge(place from, char c) {
    return std::uint64_t{from} << 8 | static_cast<unsigned char>(c);
  }
  place child(place from, char c) const;
  place step(place from, char c) const;
  void link(node& n, place at);

  std::vector<node> nodes_{1};  ///< the first one is the empty beginning
  std::unordered_map<std::uint64_t, place> edges_;
};

}  // namespace muxpro::proxy
