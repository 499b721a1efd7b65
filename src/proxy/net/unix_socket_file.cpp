#include "proxy/net/unix_socket_file.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>

#include <unistd.h>

#include <system_error>

namespace muxpro::proxy {

unix_socket_file::unix_socket_file(std::string path) : path_(std::move(path)) {
  if (::lstat(path_.c_str(), &made_) != 0) path_.clear();
}

unix_socket_file::~unix_socket_file() {
  struct stat now {};
  if (path_.empty() || ::lstat(path_.c_str(), &now) != 0) return;
  if (now.st_dev == made_.st_dev && now.st_ino == made_.st_ino) ::unlink(path_.c_str());
}

creation_mode::creation_mode(std::optional<std::uint32_t> mode) noexcept {
  if (mode) before_ = ::umask(0777 & ~static_cast<::mode_t>(*mode));
}

creation_mode::~creation_mode() {
  if (before_) ::umask(*before_);
}

void remove_stale_socket(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode)) throw std::system_error(std::make_error_code(std::errc::file_exists));
  asio::io_context io;
  asio::local::stream_protocol::socket probe(io);
  std::error_code ec;
  probe.open({}, ec);
  probe.non_blocking(true, ec);
  probe.connect(asio::local::stream_protocol::endpoint(path), ec);
  // With would_block, another process listens, and its queue is full.
  if (!ec || ec == asio::error::would_block) ec = asio::error::address_in_use;
  if (ec != asio::error::connection_refused) throw std::system_error(ec);
  ::unlink(path.c_str());
}

}  // namespace muxpro::proxy
