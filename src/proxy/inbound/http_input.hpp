// http_input: reads the requests of an HTTP client, no further than the proxy needs.
#pragma once

#include <muxpro/proxy/connection.hpp>
#include <muxpro/semaphore.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Reads outlive exchanges. A read that waits for the end of a client gets the next request as well. Belongs
/// to one strand. Has one user at a time.
class http_input : public std::enable_shared_from_this<http_input> {
 public:
  http_input(std::shared_ptr<connection> c, std::vector<std::byte> early)
      : c_(std::move(c)), unread_(std::move(early)), changed_(c_->get_executor()) {}

  /// Valid until the next read completes or consume() is called.
  const_bytes unread() const noexcept { return const_bytes(unread_).subspan(at_); }
  void consume(std::size_t n);
  /// Everything, for the owner of a tunnel. No read may be under way.
  std::vector<std::byte> take();

  /// Starts a read of at most `most` bytes, unless one is under way or the client has ended.
  void read_more(std::size_t most);
  bool reads() const noexcept { return reads_; }
  /// Waits until a read has completed or wake() was called. It may return for an earlier one, so callers
  /// check the state in a loop.
  asio::awaitable<void> wait();
  void wake() { changed_.release(); }
  /// Returns why no more bytes come, which is asio::error::eof, or the error of the connection. Returns no
  /// error if more may come.
  const std::error_code& end() const noexcept { return end_; }

 private:
  static asio::awaitable<void> read(std::shared_ptr<http_input> self, std::size_t most);
  void done(std::error_code why);

  const std::shared_ptr<connection> c_;
  std::vector<std::byte> unread_;
  std::size_t at_ = 0;  ///< of the first byte that was not consumed
  std::vector<std::byte> room_;
  bool reads_ = false;
  std::error_code end_;
  semaphore changed_;
};

/// Reads and drops until the client ends, for lingering_limit at most, because a socket that is closed with
/// unread bytes discards what it has written last. Then closes the connection.
asio::awaitable<void> end_after_answer(std::shared_ptr<connection> c, std::shared_ptr<http_input> input);

}  // namespace muxpro::proxy
