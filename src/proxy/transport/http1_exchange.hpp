// A request of HTTP/1.1 and its answer, as a stream: this side writes the body of its own message and reads
// that of the other one. Ring 4.
#pragma once

#include "proxy/http/body.hpp"
#include "proxy/http/request.hpp"
#include "proxy/http/response.hpp"
#include "proxy/transport/coroutine_stream.hpp"

#include <muxpro/proxy/connection.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// Belongs to the strand of the connection below.
class http1_exchange final : public stream_coroutines, public std::enable_shared_from_this<http1_exchange> {
 public:
  /// Called after both messages, or when the exchange was cut. `keeps` is true if another one may follow,
  /// whose first bytes are `behind`.
  using ending = std::function<void(bool keeps, std::vector<std::byte> behind)>;

  /// Server side. The caller has read the head of the request, and `behind`.
  static std::shared_ptr<http1_exchange> answering(std::shared_ptr<connection> below, const http_request& r,
                                                   std::vector<std::byte> behind, ending on_end);
  /// Client side. `keeps` is true if another request may follow this one.
  static std::shared_ptr<http1_exchange> asking(std::shared_ptr<connection> below, const http_request& r,
                                                bool keeps, ending on_end);
  ~http1_exchange() override { end(false); }

  /// Server side. Sets the fields of the 200 answer, which is sent with the first byte of its body or at the
  /// end.
  void answer(const std::vector<http_field>& fields);
  /// Server side. Calls `gone` if the client closes the connection before the end of the answer. Then no
  /// other exchange follows.
  void watch(std::function<void()> gone);
  /// Server side. Sends the whole answer, without a body.
  asio::awaitable<void> refuse(unsigned status, std::vector<http_field> fields);
  /// Sends the head at once.
  /// Completes when it was written.
  /// Errors: those of the connection below.
  /// Cancellation (terminal): operation_aborted, and only cut() makes sense then.
  asio::awaitable<void> begin(std::error_code& ec);

  asio::any_io_executor get_executor() override { return below_->get_executor(); }
  /// Errors: eof behind the body; connection_reset if the connection ends before; http2_errc::bad_body, or
  /// the status of an answer that is not 200; those of the connection below.
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) override;
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) override;
  asio::awaitable<void> finish() override;
  void cut(end_code) noexcept override;
  void close() noexcept override;

 private:
  using framing = http_framing::kind;

  http1_exchange(std::shared_ptr<connection> below, ending on_end)
      : below_(std::move(below)), on_end_(std::move(on_end)) {}

  asio::awaitable<void> read_answer(std::error_code& ec);
  std::size_t take_held(bytes into) noexcept;
  std::size_t decode(bytes in, std::error_code& ec);
  std::string take_head(bool has_body);
  asio::awaitable<void> send(std::string text, std::error_code& ec);
  asio::awaitable<void> pause_before_end(std::error_code& ec);
  static asio::awaitable<void> watch_peer(std::shared_ptr<connection> below,
                                          std::weak_ptr<http1_exchange> of);
  void peer_has_gone() noexcept;
  void start_watch();
  void end_if_over();
  void end(bool keeps) noexcept;

  const std::shared_ptr<connection> below_;
  ending on_end_;
  std::function<void()> gone_;
  http_body in_{http_framing()};
  std::optional<http_response_parser> parser_;  ///< of the answer, which has not come
  std::vector<std::byte> held_;                 ///< was read, and not decoded
  std::string head_;                            ///< was not sent
  framing out_ = framing::none;
  time_point written_{};               ///< the last bytes of the body
  bool ends_with_connection_ = false;  ///< what is read
  bool is_server_ = false, keeps_ = false, finished_ = false, end_sent_ = false, watching_ = false,
       ended_ = false;
};

}  // namespace muxpro::proxy
