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

geo_files::geo_files(std::filesystem::path directory)
    : read_([directory = std::move(directory)](std::string_view name) { return read(directory / name); }) {}

}  // namespace muxpro::proxy
