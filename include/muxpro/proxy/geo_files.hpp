// Files of named lists of domains and addresses, as V2Ray has them: geosite.dat, geoip.dat. Ring 4.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Larger files are not read (the public ones have 10 to 20 MiB).
inline constexpr std::size_t max_geo_file = 256 * 1024 * 1024;

/// Where rules look for geosite:LIST, geoip:LIST and ext:FILE:LIST. They copy what they need: it may go after
/// them.
class geo_files {
 public:
  /// None but those that are added.
  geo_files() = default;
  /// Those that are not added are read from these directories when they are first asked for. The first
  /// directory that has a file serves it.
  explicit geo_files(std::vector<std::filesystem::path> directories);
  explicit geo_files(std::filesystem::path directory)
      : geo_files(std::vector<std::filesystem::path>{std::move(directory)}) {}

  /// The same directories, with nothing read from them yet.
  geo_files unread() const {
    geo_files out;
    out.read_ = read_;
    out.shown_ = shown_;
    return out;
  }
  void add(std::string name, std::vector<std::byte> content) { files_[std::move(name)] = std::move(content); }

  /// Nothing if there is no such file, it cannot be read or is too large. The name of a file in the directory
  /// holds letters, digits, '-', '_' and '.', and does not begin with one: no rule reaches outside.
  std::optional<const_bytes> find(std::string_view name);
  /// The directories, for messages: "a, b". Empty if there are none.
  const std::string& directories() const noexcept { return shown_; }

 private:
  /// The content of a file; nothing if it cannot be read.
  std::function<std::optional<std::vector<std::byte>>(std::string_view name)> read_;
  std::map<std::string, std::vector<std::byte>, std::less<>> files_;
  std::string shown_;
};

}  // namespace muxpro::proxy
