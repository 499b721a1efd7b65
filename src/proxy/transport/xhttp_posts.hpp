// xhttp_posts, the upload of a client of XHTTP in mode packet-up, by many requests with a part each. Ring 4.
#pragma once

#include "proxy/base/number_range.hpp"
#include "proxy/transport/http_requests.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/one_shot.hpp>
#include <muxpro/semaphore.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// A part grows while the one before is being written, or while its pause lasts. Behind the last one goes an
/// empty one, which ends the upload at a server of muxpro. Other servers ignore it.
class xhttp_posts : public std::enable_shared_from_this<xhttp_posts> {
 public:
  /// The request of a part, whose body is the part, or is empty where the head has it.
  using asker = std::function<http_request(std::uint64_t number, const_bytes part)>;

  /// `most` limits the bytes of a part. `failed` is called once, when a part could not be sent.
  xhttp_posts(asio::any_io_executor executor, std::shared_ptr<http_requests> by, asker ask, std::size_t most,
              number_range pause_ms, std::function<void(std::error_code)> failed);

  /// Before the first write.
  void start();
  /// Completes when parts have room for all of it.
  /// Errors: why a part could not be sent, or operation_aborted after cut(). Cancellation (terminal):
  /// operation_aborted. The caller must call cut() then.
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec);
  /// No more is written.
  void finish();
  void cut() noexcept { stop(asio::error::operation_aborted); }
  /// Completes when the server has answered the last part, or a part could not be sent. Behind finish().
  /// Errors: none.
  /// Cancellation (terminal): throws operation_aborted.
  asio::awaitable<void> sent();

 private:
  static asio::awaitable<void> run(std::shared_ptr<xhttp_posts> self);
  static asio::awaitable<void> post(std::shared_ptr<xhttp_posts> self, std::uint64_t n,
                                    std::vector<std::byte> part);
  asio::awaitable<void> attempt(std::uint64_t n, const std::vector<std::byte>& part, std::error_code& ec);
  std::vector<std::byte> take_part();
  asio::awaitable<void> pause(std::error_code& ec);
  void wake();
  void one_ended(std::error_code ec) noexcept;
  void fail(std::error_code why) noexcept;
  void stop(std::error_code why) noexcept;

  const asio::any_io_executor executor_;
  const std::shared_ptr<http_requests> by_;
  const asker ask_;
  const std::size_t most_;
  const number_range pause_ms_;
  std::function<void(std::error_code)> failed_;

  semaphore room_, work_, turns_;
  std::vector<std::byte> pending_;
  std::vector<std::weak_ptr<connection>> under_way_;
  std::size_t unanswered_ = 0;
  time_point last_{};
  bool finished_ = false, last_sent_ = false;
  std::error_code stopped_;
  one_shot sent_;
};

}  // namespace muxpro::proxy
