#include "proxy/config/readers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

// "outbound_tag" of a struct is "outboundTag" of a file.
std::string as_key(std::string_view member) {
  std::string out;
  bool upper = false;
  for (const char c : member) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out == "sourceIp" ? "source" : out == "localIp" ? "localIP" : out;
}

}  // namespace

std::vector<std::string_view> with_other_names(const std::vector<std::string_view>& usual) {
  std::vector<std::string_view> out;
  for (const std::string_view name : usual) {
    out.push_back(name);
    for (const std::string_view other : names_beside(name)) out.push_back(other);
  }
  return out;
}

std::string joined(const std::vector<std::string_view>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

void report(settings& s, std::string_view sentence) {
  const auto end = std::min(sentence.find(" is '"), sentence.find(" has '"));
  if (end == std::string_view::npos)
    s.wrong(sanitized(sentence, 300));
  else
    s.wrong(as_key(sentence.substr(0, end)), sanitized(sentence.substr(end + 1), 300));
}

}  // namespace muxpro::proxy
