#include "proxy/policy/fallbacks.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t least_request = 18, longest_line = 64;

template <class Map>
auto* find_or_any(const Map& in, std::string_view key) {
  auto found = in.find(key);
  if (found == in.end()) found = in.find(std::string_view());
  return found == in.end() ? nullptr : &found->second;
}

/// What `to` does not have.
template <class Map>
void inherit(Map& to, const Map& from) {
  to.insert(from.begin(), from.end());
}

/// Returns the path of a request line such as "GET /path?query HTTP/1.1". Empty without one.
std::string_view path_of(std::string_view received) {
  const std::string_view line = received.substr(0, longest_line);
  if (received.size() < least_request || line[4] == '*') return {};  // "PRI * HTTP/2.0"
  const std::size_t from = line.find(" /", 3);
  if (from > 7) return {};
  const std::string_view rest = line.substr(from + 1);
  const std::size_t end = rest.find_first_of("? \r\n");
  return end == std::string_view::npos || rest[end] == '\r' || rest[end] == '\n' ? std::string_view()
                                                                                 : rest.substr(0, end);
}

}  // namespace

// An alpn has the paths for any alpn before a name has those for any name.
fallbacks::fallbacks(std::vector<fallback> all) {
  for (fallback& f : all) {
    f.name = lower_case(f.name);
    fallback& place = all_[f.name][f.alpn][f.path];
    place = std::move(f);
  }
  const by_alpn of_any = all_.contains("") ? all_[""] : by_alpn();
  for (auto& [name, alpns] : all_) {
    for (const auto& [alpn, paths] : of_any) alpns[alpn];
    const by_path any_alpn = alpns.contains("") ? alpns[""] : by_path();
    for (auto& [alpn, paths] : alpns) inherit(paths, any_alpn);
  }
  for (auto& [name, alpns] : all_)
    for (const auto& [alpn, paths] : all_.contains("") ? all_[""] : by_alpn()) inherit(alpns[alpn], paths);
}

const fallbacks::by_alpn* fallbacks::find_name(std::string_view name) const {
  const std::string lowered = lower_case(name);
  if (const auto exact = all_.find(lowered); exact != all_.end()) return &exact->second;
  const by_alpn* best = nullptr;
  std::size_t longest = 0;
  for (const auto& [part, alpns] : all_) {
    const bool fits = part.empty() || lowered.find(part) != std::string::npos;
    if (!fits || (best && part.size() <= longest)) continue;
    best = &alpns;
    longest = part.size();
  }
  return best;
}

const fallback* fallbacks::find(std::string_view name, std::string_view alpn, const_bytes received) const {
  const by_alpn* const alpns = find_name(name);
  const by_path* const paths = alpns ? find_or_any(*alpns, alpn) : nullptr;
  return paths ? find_or_any(*paths, path_of(as_text(received))) : nullptr;
}

}  // namespace muxpro::proxy
