#include <muxpro/proxy/geo_files.hpp>

#include <algorithm>

namespace muxpro::proxy {

namespace {

bool is_plain(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

std::optional<const_bytes> geo_files::find(std::string_view name) {
  if (const auto known = files_.find(name); known != files_.end()) return known->second;
  if (!read_ || !is_plain(name)) return std::nullopt;
  auto content = read_(name);
  if (!content) return std::nullopt;
  return files_.emplace(name, std::move(*content)).first->second;
}

}  // namespace muxpro::proxy
