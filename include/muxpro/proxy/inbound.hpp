// inbound, the first stage, which reads the target of a connection from the client. Ring 4.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class sealed_datagrams;

/// Shared by all threads and not changed while it serves. Derive from it for a protocol of your own.
class inbound {
 public:
  virtual ~inbound() = default;
  /// Serves `c` from its first byte on, on its strand. `ctx` has the inbound's tag, source and gateway.
  /// `place` is to be released when the client's request was read.
  /// Completes when the dispatcher has taken the connection over, or the connection has ended. It counts as
  /// open until `c` is destroyed.
  /// Errors: an exception ends this connection alone, which is closed without a reply. Cancellation: none.
  /// c->cut() ends its pending operations.
  virtual asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                      admission::ticket place) const = 0;
  /// Begins serve(), whose exceptions end this connection alone, and keeps `owner`, which owns this inbound,
  /// until it completes. Override it where many idle connections should not have a coroutine each.
  virtual void start(std::shared_ptr<connection> c, context ctx, dispatcher& to, admission::ticket place,
                     std::shared_ptr<const void> owner) const;
  /// Sets the target of datagrams whose source and gateway are in `ctx`. Returns false if they are dropped.
  /// An exception drops the one datagram that it was called for.
  virtual bool admit_datagrams(context& ctx) const;
  /// Returns the object that opens the packets of a port whose datagrams have their targets in them, one for
  /// each port. admit_datagrams() then gets the user and the first target. Null if packets are plain
  /// datagrams.
  virtual std::shared_ptr<sealed_datagrams> open_datagrams() const;
  /// Returns whether its connections are few and long. Each then goes to the thread that has the fewest.
  /// Short connections in sequence stay on one thread, which need not be woken.
  virtual bool long_lived() const noexcept { return false; }
  /// Returns the limits of connections whose request was not read yet. Null if those that instance_options
  /// sets for all inbounds apply.
  virtual std::shared_ptr<admission> waiting() const noexcept { return nullptr; }
  /// Whether it only reports on the proxy. It then serves until a drain is over, and the drain does not wait
  /// for its connections.
  virtual bool is_monitor() const noexcept { return false; }
};

/// A client whose request was not read yet. It is cut if that takes longer than `limit`.
class pending_client {
 public:
  /// `client_ctx` must outlive it.
  pending_client(std::shared_ptr<connection> from, context& client_ctx, admission::ticket place,
                 duration limit)
      : c(std::move(from)), ctx(client_ctx), place_(std::move(place)), deadline_(std::in_place, c, limit) {}

  /// The bytes that the client has sent, without those that were consumed.
  const_bytes buffered() const noexcept { return buffered_; }
  void consume(std::size_t n) {
    buffered_.erase(buffered_.begin(), buffered_.begin() + static_cast<std::ptrdiff_t>(n));
  }
  /// Reads what is there without waiting, up to `most` bytes in buffered(). Returns whether buffered() has
  /// grown. If not, read_more() reports why.
  bool read_available(std::size_t most);
  /// Completes when buffered() has grown, up to `most` bytes.
  /// Errors: asio::error::message_size if there are `most` bytes already, operation_aborted when `limit` is
  /// over, or those of connection::read_some().
  /// Cancellation: as connection::read_some().
  asio::awaitable<void> read_more(std::size_t most, std::error_code& ec);
  /// Ends the limits, because the request was read. Returns the bytes behind the request.
  std::vector<std::byte> release() {
    place_.release();
    deadline_.reset();
    std::vector<std::byte> behind = std::exchange(buffered_, {});
    if (behind.empty()) behind.shrink_to_fit();
    return behind;
  }

  std::shared_ptr<connection> c;
  context& ctx;

 private:
  /// Room for more, behind what was sent.
  bytes room(std::size_t most);

  admission::ticket place_;
  std::optional<deadline> deadline_;
  std::vector<std::byte> buffered_;
};

}  // namespace muxpro::proxy
