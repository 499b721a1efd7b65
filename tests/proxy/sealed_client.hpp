// What a client of VMess or Shadowsocks sends and reads, where it is no outbound.
#pragma once

#include "loopback.hpp"

#include "proxy/transport/chunk_stream.hpp"

#include <muxpro/proxy/connection.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loopback_test {

/// What a client sends first.
inline std::string first_bytes(chunk_codecs& codecs, std::string_view text) {
  std::vector<std::byte> out;
  append_sealed(out, *codecs.sealer, std::as_bytes(std::span(text)));
  return test::to_text(out);
}

inline awaitable<> put(connection& c, std::string text) {
  std::error_code ec;
  co_await c.write(asio::buffer(text), ec);
  CHECK_FALSE(ec);
}
/// `n` bytes, or what comes before the end: "|" if that is clean, "!" if not.
inline awaitable<std::string> get(connection& c, std::size_t n) {
  std::string all, room(n, ' ');
  std::error_code ec;
  while (all.size() < n && !ec) {
    const std::size_t got = co_await c.read_some(asio::buffer(room.data(), n - all.size()), ec);
    all.append(room.data(), got);
  }
  if (ec) all += ec == asio::error::eof ? '|' : '!';
  co_return all;
}

}  // namespace loopback_test
