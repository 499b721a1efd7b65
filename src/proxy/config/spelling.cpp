// Texts in messages, which are what a user wrote, the name that was meant, and names in any case.
#include <muxpro/proxy/settings.hpp>
#include "proxy/base/text.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

/// Insertions, deletions, replacements and swaps of neighbours from a to b.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> all((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return all[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        at(i, j) = i + j;
        continue;
      }
      const bool differ = a[i - 1] != b[j - 1];
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + differ});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return all.back();
}

}  // namespace

std::string sanitized(std::string_view text, std::size_t longest) {
  std::string out;
  for (const char c : text.substr(0, longest)) {
    const bool control = (c >= 0 && c < ' ') || c == '\x7f';
    out += control ? '?' : c;
  }
  // A character of several bytes is not cut in the middle.
  if (text.size() > longest) {
    while (!out.empty() && (out.back() & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && (out.back() & 0x80) != 0) out.pop_back();
    out += "...";
  }
  return out;
}

std::string_view closest_match(std::string_view text, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest = 64;
  if (text.size() > longest) return {};
  const std::string wanted = lower_case(text);
  std::size_t least = std::max<std::size_t>(1, text.size() / 3) + 1;
  std::string_view best;
  for (const std::string_view k : known) {
    if (k.size() > longest) continue;
    const std::size_t d = distance(wanted, lower_case(k));
    if (d < least) least = d, best = k;
  }
  return best;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace muxpro::proxy
