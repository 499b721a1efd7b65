// The first stage: it learns from a client where its connection goes. Ring 4.
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

/// Shared by all threads and not changed while it serves. Derive from it for a protocol of your own.
class inbound {
 public:
  virtual ~inbound() = default;
  /// Serves `c` from its first byte to its end, on its strand. `ctx` has the inbound's tag, source and
  /// gateway; `place` is to be released when the client's request was read. An exception ends this
  /// connection alone, which is closed without a reply. It is not cancelled: c->cut() ends what it waits for.
  virtual asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                      admission::ticket place) const = 0;
  /// Where datagrams go whose source and gateway are in `ctx`: completes it. False: nowhere, they are
  /// dropped. An exception costs the one datagram that it was asked about.
  virtual bool admit_datagrams(context& ctx) const;
  /// Whether its connections are few and last: then each goes to the thread that has the fewest. Short ones
  /// that follow each other are better off on one thread, which need not be woken.
  virtual bool long_lived() const noexcept { return false; }
  /// The places of its connections whose request was not read yet; null: it has the limits that
  /// instance_options sets for all such inbounds.
  virtual std::shared_ptr<admission> waiting() const noexcept { return nullptr; }
  /// Whether it only shows what the proxy does. It then serves until a drain is over, and the drain does not
  /// wait for its connections.
  virtual bool is_monitor() const noexcept { return false; }
};

/// A client whose request was not read yet. It is cut if that takes longer than `limit`.
class pending_client {
 public:
  pending_client(std::shared_ptr<connection> from, context&& known, admission::ticket place, duration limit)
      : c(std::move(from)),
        ctx(std::move(known)),
        place_(std::move(place)),
        deadline_(std::in_place, c, limit) {}

  /// What it has sent, less what was consumed.
  const_bytes buffered() const noexcept { return buffered_; }
  void consume(std::size_t n) {
    buffered_.erase(buffered_.begin(), buffered_.begin() + static_cast<std::ptrdiff_t>(n));
  }
  /// Takes what is there already, at most `most` bytes in all. True: buffered() has grown. False: no bytes
  /// have come, the client has ended, or `most` is reached; read_more() reports which.
  bool read_available(std::size_t most);
  /// Waits for more. Errors: asio::error::message_size if there are `most` bytes already, else those of
  /// connection::read_some(); operation_aborted when its time is over.
  asio::awaitable<void> read_more(std::size_t most, std::error_code& ec);
  /// Its request was read. Returns what it has sent behind that.
  std::vector<std::byte> release() {
    place_.release();
    deadline_.reset();
    return std::move(buffered_);
  }

  std::shared_ptr<connection> c;
  context ctx;

 private:
  /// Room for more, behind what was sent.
  bytes room(std::size_t most);

  admission::ticket place_;
  std::optional<deadline> deadline_;
  std::vector<std::byte> buffered_;
};

}  // namespace muxpro::proxy
