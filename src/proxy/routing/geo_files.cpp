#include <muxpro/proxy/geo_files.hpp>

#include <algorithm>
#include <fstream>
#include <system_error>

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

std::optional<std::vector<std::byte>> read(const std::filesystem::path& path) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) return std::nullopt;
  const auto size = std::filesystem::file_size(path, ec);
  if (ec || size > max_geo_file) return std::nullopt;
  std::vector<std::byte> content(static_cast<std::size_t>(size));
  std::ifstream in(path, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(size)))
    return std::nullopt;
  return content;
}

}  // namespace

std::optional<const_bytes> geo_files::find(std::string_view name) {
  if (const auto known = files_.find(name); known != files_.end()) return known->second;
  if (directory_.empty() || !is_plain(name)) return std::nullopt;
  auto content = read(directory_ / name);
  if (!content) return std::nullopt;
  return files_.emplace(name, std::move(*content)).first->second;
}

}  // namespace muxpro::proxy
