// The path that a unix socket listens on.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// Removes the path in the end, unless another program has taken it meanwhile.
class unix_socket_file {
 public:
  unix_socket_file() noexcept = default;
  /// It is there, and this process listens on it.
  explicit unix_socket_file(std::string path);
  unix_socket_file(unix_socket_file&& other) noexcept
      : path_(std::exchange(other.path_, {})), made_(other.made_) {}
  unix_socket_file& operator=(unix_socket_file&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(made_, other.made_);
    return *this;
  }
  ~unix_socket_file();

 private:
  std::string path_;
  struct stat made_ {};
};

/// While it lives, a file that this process creates has the permissions `mode`. Without a value the umask
/// stays. The umask belongs to the whole process, so other threads should create no file meanwhile.
class creation_mode {
 public:
  explicit creation_mode(std::optional<std::uint32_t> mode) noexcept;
  creation_mode(const creation_mode&) = delete;
  creation_mode& operator=(const creation_mode&) = delete;
  ~creation_mode();

 private:
  std::optional<::mode_t> before_;
};

/// Makes way for a new listener. Removes only a socket that a killed process has left behind. Throws
/// std::system_error if the path is in use, or is no socket.
void remove_stale_socket(const std::string& path);

}  // namespace muxpro::proxy
