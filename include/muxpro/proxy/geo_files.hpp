// geo_files, V2Ray's files of named lists of domains and addresses, geosite.dat and geoip.dat. Ring 4.
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

/// Finds the files of geosite:LIST, geoip:LIST and ext:FILE:LIST for rules. Rules copy the entries that they
/// need, so geo_files may be destroyed once they are made.
class geo_files {
 public:
  /// Has only the files that are added.
  geo_files() = default;
  /// Those that are not added are read from these directories when they are first asked for. The first
  /// directory that has a file serves it.
  explicit geo_files(std::vector<std::filesystem::path> directories);
  explicit geo_files(std::filesystem::path directory)
      : geo_files(std::vector<std::filesystem::path>{std::move(directory)}) {}

  /// Returns a copy with the same directories and no files read yet.
  geo_files unread() const {
    geo_files out;
    out.read_ = read_;
    out.shown_ = shown_;
    return out;
  }
  void add(std::string name, std::vector<std::byte> content) { files_[std::move(name)] = std::move(content); }

  /// Returns nothing if there is no such file, or if it cannot be read or is too large. The name of a file in
  /// the directory holds letters, digits, '-', '_' and '.', and does not begin with '.', so that no rule
  /// reaches outside.
  std::optional<const_bytes> find(std::string_view name);
  /// Returns the directories as "a, b" for messages. Empty without directories.
  const std::string& directories() const noexcept { return shown_; }

 private:
  /// Returns the content of a file, or nothing if it cannot be read.
  std::function<std::optional<std::vector<std::byte>>(std::string_view name)> read_;
  std::map<std::string, std::vector<std::byte>, std::less<>> files_;
  std::string shown_;
};

}  // namespace muxpro::proxy
