#include <muxpro/proxy/geo_files.hpp>

#include <fstream>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

namespace {

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

geo_files::geo_files(std::vector<std::filesystem::path> directories) {
  for (const auto& d : directories) shown_ += (shown_.empty() ? "" : ", ") + d.string();
  read_ = [all = std::move(directories)](std::string_view name) {
    std::optional<std::vector<std::byte>> content;
    for (const auto& d : all)
      if (!content) content = read(d / name);
    return content;
  };
}

}  // namespace muxpro::proxy
