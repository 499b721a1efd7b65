// A client's first bytes in small pieces, for networks that look into the first packet. Ring 4.
#pragma once

#include "proxy/base/number_range.hpp"

#include <muxpro/proxy/client.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

struct fragment_options {
  /// If true, a ClientHello of TLS becomes several records, and other first bytes stay whole. If false, any
  /// first bytes are cut.
  bool only_client_hello = true;
  number_range bytes;     ///< of each piece
  number_range pause_ms;  ///< between two pieces
  std::size_t most_pieces = 256;
};

/// The pieces of `data`, each with the length that `next_length` returns, which is not 0. Of a record of TLS
/// each piece is a record.
std::vector<std::vector<std::byte>> pieces_of(const_bytes data, const fragment_options& o,
                                              const std::function<std::size_t()>& next_length);

/// Waits for the client's first bytes, 300 ms at most, and writes them to `far`. Completes when they are
/// written, or no byte has come.
/// Errors: those of connection::write() and of connection::read_some().
/// Cancellation: as connection::write().
asio::awaitable<void> send_in_pieces(client& c, connection& far, const fragment_options& o,
                                     std::error_code& ec);

}  // namespace muxpro::proxy
