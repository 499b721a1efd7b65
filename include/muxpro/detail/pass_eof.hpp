// Concepts and operations that pass EOF on to the peer of a stream, by type of stream.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/loop.hpp>

#include <asio/socket_base.hpp>

#include <utility>

namespace muxpro::detail {

/// asio::ssl::stream and what derives from it.
template <class Stream>
concept asio_ssl_stream = requires(Stream& s) {
  SSL_get_shutdown(s.native_handle());
};

/// Its EOF is authenticated. A peer that closes without one was cut. A stream with the member
/// `static constexpr bool authenticates_eof = true` is one of these.
template <class Stream>
concept has_close_notify = asio_ssl_stream<Stream> || requires {
  requires Stream::authenticates_eof;
};

// ssl::stream::async_shutdown() goes on to wait for the peer's close_notify, and data that comes instead
// breaks the connection for good. With that close_notify taken as received while OpenSSL is asked, it sends
// ours only.
template <class TlsStream>
struct send_close_notify {
  TlsStream* s;
  template <class Handler>
  void operator()(Handler&& handler) const {
    constexpr int sent = 1, received = 2;  // SSL_SENT_SHUTDOWN, SSL_RECEIVED_SHUTDOWN
    const auto ssl = s->native_handle();
    const int before = SSL_get_shutdown(ssl);
    SSL_set_shutdown(ssl, before | received);
    s->async_shutdown(std::forward<Handler>(handler));
    SSL_set_shutdown(ssl, before | sent);
  }
};

template <class Stream>
concept shuts_down_at_once = requires(Stream& s, error_code& ec) {
  s.shutdown(asio::socket_base::shutdown_send, ec);
};
template <class Stream>
concept shuts_down_in_time = !shuts_down_at_once<Stream> && requires(Stream & s, transfer_step done) {
  s.async_shutdown(std::move(done));
};

template <class Stream>
struct initiate_eof {
  Stream* s;
  template <class Handler>
  void operator()(Handler&& done) const {
    if constexpr (asio_ssl_stream<Stream>)
      send_close_notify<Stream>{s}(std::forward<Handler>(done));
    else
      s->async_shutdown(std::forward<Handler>(done));
  }
};

/// Passes EOF on. A broken side reports its error to its reads.
template <class Stream>
void pass_eof_at_once(Stream& s) {
  if constexpr (shuts_down_at_once<Stream>) {
    error_code ignored;
    s.shutdown(asio::socket_base::shutdown_send, ignored);
  }
}

}  // namespace muxpro::detail
