// The first stage: it learns from a client where its connection goes. Ring 4.
#pragma once

#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>

#include <memory>

namespace muxpro::proxy {

/// Shared by all threads and not changed while it serves. Derive from it for a protocol of your own.
class inbound {
 public:
  virtual ~inbound() = default;
  /// Serves `c` from its first byte to its end, on its strand. `known` has the inbound's tag, source and
  /// gateway; `place` is to be released when the client has said what it wants.
  virtual asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                      admission::ticket place) const = 0;
};

/// Cuts a connection whose handshake takes too long, however busy it is; not any more once it is destroyed.
class handshake_deadline {
 public:
  handshake_deadline(const std::shared_ptr<connection>& c, duration limit)
      : timer_(c->get_executor(), limit) {
    timer_.async_wait([weak = std::weak_ptr(c)](std::error_code over) {
      if (over) return;
      if (const auto late = weak.lock()) late->cut();
    });
  }

 private:
  asio::steady_timer timer_;
};

}  // namespace muxpro::proxy
