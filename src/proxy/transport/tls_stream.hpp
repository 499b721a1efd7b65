// asio::ssl::stream over any stream, with connection_reset for a truncated stream, as sockets report it.
#pragma once

#include <asio/associator.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/error.hpp>
#include <asio/ssl/stream.hpp>

#include <cstddef>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// Reports a peer that goes without close_notify as connection_reset, which sessions and relays handle
/// without knowing TLS.
template <class Handler>
struct truncation_as_reset {
  Handler handler;
  void operator()(std::error_code ec, std::size_t n) {
    if (ec == asio::ssl::error::stream_truncated) ec = asio::error::connection_reset;
    std::move(handler)(ec, n);
  }
};

template <class Next>
class tls_stream : public asio::ssl::stream<Next> {
 public:
  using base = asio::ssl::stream<Next>;
  using base::base;

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(read_op(), token, this, buffers);
  }

 private:
  struct read_op {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, tls_stream* s, const Buffers& buffers) const {
      using mapped = truncation_as_reset<std::decay_t<Handler>>;
      static_cast<base*>(s)->async_read_some(buffers, mapped{std::forward<Handler>(handler)});
    }
  };
};

}  // namespace muxpro::proxy

template <template <class, class> class Associator, class Handler, class Default>
struct asio::associator<Associator, muxpro::proxy::truncation_as_reset<Handler>, Default>
    : Associator<Handler, Default> {
  using outer = muxpro::proxy::truncation_as_reset<Handler>;
  static decltype(auto) get(const outer& h) noexcept { return Associator<Handler, Default>::get(h.handler); }
  static decltype(auto) get(const outer& h, const Default& d) noexcept {
    return Associator<Handler, Default>::get(h.handler, d);
  }
};
