// tls_core, which a tls_stream and its operations share. Ring 4.
#pragma once

#include "proxy/transport/tls_engine.hpp"

#include <muxpro/layer.hpp>
#include <muxpro/plain_socket.hpp>

#include <asio/error.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// What a stream and its operations share. Without `next` the stream is gone.
template <class Next>
struct tls_core {
  static constexpr bool on_socket = plain_socket<Next>;
  using executor_type = typename Next::executor_type;

  tls_core(Next below, ssl_ptr ssl, tls_extras extras)
      : executor(below.get_executor()), next(std::move(below)), engine(std::move(ssl), std::move(extras)) {}

  /// Reads what is there of the records of so much text. Returns whether anything came.
  bool receive(std::size_t text, std::error_code& ec) requires on_socket {
    const std::size_t size = std::clamp(text + text / 64, full_record, tls_buffer::large);
    const std::size_t n = layer::read_now(*next, engine.input.room(size).first(size), ec);
    if (ec == asio::error::would_block) ec.clear();
    engine.input.filled(n);
    last_read_large = n >= record_text;
    if (ec == asio::error::eof) ec = engine.meaning_of_eof();
    return n > 0;
  }
  /// Reads text without waiting. `ec` is would_block if there is none.
  std::size_t read(bytes text, std::error_code& ec) {
    ec.clear();
    std::size_t n = 0;
    const asio::mutable_buffer into(text.data(), text.size());
    [[maybe_unused]] const auto needs = engine.read(into, n, ec);
    if constexpr (on_socket) {
      if (needs == tls_engine::needs::input && is_worth_more(n, text.size()) && receive(text.size() - n, ec))
        engine.read(into + n, n, ec);
    }
    if (n > 0) ec.clear();
    if (n == 0 && !ec && !text.empty()) ec = asio::error::would_block;
    engine.rest();
    engine.input.shrink();
    return n;
  }
  /// Whether a read that has `n` bytes so far should look for more. The last record of a peer's write may be
  /// a short one, which would cost a write of its own.
  bool is_worth_more(std::size_t n, std::size_t room) const noexcept requires on_socket {
    return n == 0 || (last_read_large && n < room / 4 && !engine.opens_one_at_a_time());
  }
  /// Writes what the socket takes. Returns whether that was all.
  bool send(std::error_code& ec) requires on_socket {
    engine.output.consume(write_now(*next, engine.output.data(), ec));
    return engine.output.empty();
  }

  const executor_type executor;
  std::optional<Next> next;
  tls_engine engine;
  bool writing = false;          ///< an operation waits for the stream below to take output
  bool last_read_large = false;  ///< the last read got many bytes, so that more may be there
};

}  // namespace muxpro::proxy
