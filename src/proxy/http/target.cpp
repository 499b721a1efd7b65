#include "proxy/http/target.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

const http_field* find_field(const std::vector<http_field>& fields, std::string_view name) noexcept {
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [name](const http_field& f) { return is_name(f.name, name); });
  return at == fields.end() ? nullptr : &*at;
}

std::string host_name_of(std::string_view host) { return lower_case(http_authority(host).host); }

std::string decoded_path(std::string_view target) {
  std::string out;
  for (std::string_view rest = target.substr(0, target.find('?')); !rest.empty(); rest.remove_prefix(1)) {
    const int high = rest.size() > 2 ? hex_value(rest[1]) : -1,
              low = rest.size() > 2 ? hex_value(rest[2]) : -1;
    const bool coded = rest.front() == '%' && high >= 0 && low >= 0;
    out += coded ? static_cast<char>(high << 4 | low) : rest.front();
    if (coded) rest.remove_prefix(2);
  }
  return out;
}

std::string encoded_target(std::string_view path) {
  std::string out;
  for (const char c : path)
    if (c > ' ' && c < 0x7f && c != '#')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string_view query_value(std::string_view target, std::string_view key) noexcept {
  const auto mark = target.find('?');
  std::string_view query = target.substr(std::min(target.size(), mark) + (mark < target.size() ? 1 : 0));
  query = query.substr(0, query.find('#'));
  while (!query.empty()) {
    const std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(item.size() + 1, query.size()));
    if (item.starts_with(key) && item.substr(key.size()).starts_with('=')) return item.substr(key.size() + 1);
  }
  return {};
}

}  // namespace muxpro::proxy
