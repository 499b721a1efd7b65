// datagram_stream, datagrams with their peers' addresses over a UDP sub-stream, a link or others, with the
// type erased. Ring 4.
#pragma once

#include <muxpro/error.hpp>
#include <muxpro/proxy/datagram_counts.hpp>
#include <muxpro/semaphore.hpp>
#include <muxpro/sub_datagram.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Belongs to one strand. One receive and one send may be pending at a time. It drops datagrams rather than
/// wait.
class datagram_stream {
 public:
  virtual ~datagram_stream() = default;
  virtual asio::any_io_executor get_executor() const = 0;
  /// Receives one datagram and its address, which is the target of a client's datagram or the source of an
  /// answer. Completes when there is a datagram or the stream has ended. Errors: asio::error::message_size if
  /// `into` was too small (the rest is lost, the stream goes on), eof or the end_code of the other side,
  /// behind all that it has sent, operation_aborted after end(). Cancellation: operation_aborted, no datagram
  /// is lost.
  virtual asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                               std::error_code& ec) = 0;
  /// Sends one datagram. Completes when it was taken, or dropped because there is no room, which is no error.
  /// Errors: errc::datagram_too_large and errc::bad_host concern this datagram alone. Other errors are why
  /// the stream has ended. Cancellation has no effect, since it does not wait.
  virtual asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) = 0;
  /// Ends both directions and a pending receive. With end_code::graceful it ends without an error.
  virtual void end(end_code code) noexcept = 0;
};

/// Called with the number of datagrams that were dropped.
using count_drops = std::function<void(drop_reason, std::uint64_t datagrams)>;

class sub_datagram_stream final : public datagram_stream {
 public:
  /// `dropped` gets queue_full for what the sub-stream has dropped, after each operation.
  explicit sub_datagram_stream(sub_datagram s, count_drops dropped = {})
      : stream_(std::move(s)), dropped_(std::move(dropped)) {}
  ~sub_datagram_stream() override { count(); }

  asio::any_io_executor get_executor() const override { return stream_.get_executor(); }
  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override;
  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override;
  void end(end_code code) noexcept override;

 private:
  void count() noexcept;

  sub_datagram stream_;
  const count_drops dropped_;
  std::uint64_t counted_ = 0;
};

/// Bytes of the datagrams that a stream has received and sent.
struct datagram_bytes {
  std::uint64_t received = 0, sent = 0;
};
std::unique_ptr<datagram_stream> counted_by(std::shared_ptr<datagram_bytes> bytes,
                                            std::unique_ptr<datagram_stream> stream);

/// The limits of a queue of datagrams. Further datagrams are dropped, as by
/// session_options::datagram_queue.
struct datagram_queue_limits {
  std::size_t datagrams = 64;
  std::size_t bytes = 64 * 1024;
};

/// Makes two connected ends inside the process. Each receives what the other one sends. Destroying an end is
/// the same as end() with end_code::graceful. `dropped` is called with queue_full for a datagram without
/// room, and with ended or refused for those that wait when an end ends.
std::pair<std::unique_ptr<datagram_stream>, std::unique_ptr<datagram_stream>> make_datagram_link(
    const asio::any_io_executor& executor, datagram_queue_limits limits = {}, count_drops dropped = {});

}  // namespace muxpro::proxy
