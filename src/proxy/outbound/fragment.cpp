#include "proxy/outbound/fragment.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/net/random_in.hpp"
#include "proxy/net/read_deadline.hpp"

#include <muxpro/timer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t record_head_size = 5;          // RFC 8446 section 5.1
constexpr std::size_t longest_first_record = 16640;  // a record with its header

/// Returns the length of the record of a handshake that begins `data`, or 0 without one.
std::size_t hello_size(const_bytes data) {
  if (data.empty() || data[0] != std::byte{22}) return 0;
  if (data.size() < record_head_size) return record_head_size;
  return record_head_size +
         (std::to_integer<std::size_t>(data[3]) << 8 | std::to_integer<std::size_t>(data[4]));
}

asio::awaitable<void> read_first(client& c, const fragment_options& o, std::error_code& ec) {
  read_deadline limit(c.get_executor(), std::chrono::milliseconds(300));
  const auto enough = [&] {
    const std::size_t wanted = o.only_client_hello ? hello_size(c.early()) : 1;
    return !c.early().empty() && c.early().size() >= std::min(wanted, longest_first_record);
  };
  while (!ec && !enough() && !limit.expired()) co_await c.read_early(longest_first_record, limit.slot(), ec);
  if (limit.expired() || ec == asio::error::eof) ec.clear();
}

}  // namespace

std::vector<std::vector<std::byte>> pieces_of(const_bytes data, const fragment_options& o,
                                              const std::function<std::size_t()>& next_length) {
  std::vector<std::vector<std::byte>> out;
  const std::size_t record = o.only_client_hello ? hello_size(data) : 0;
  if (o.only_client_hello && (record <= record_head_size || record > data.size())) {
    out.emplace_back(data.begin(), data.end());
    return out;
  }
  const const_bytes head = data.first(record ? record_head_size : 0);
  const_bytes body = data.subspan(head.size(), record ? record - head.size() : data.size());
  while (!body.empty()) {
    const bool last = out.size() + 1 >= o.most_pieces;
    const std::size_t size = last ? body.size() : std::min(body.size(), next_length());
    std::vector<std::byte>& piece = out.emplace_back(head.begin(), head.end());
    if (record) {
      piece[3] = static_cast<std::byte>(size >> 8);
      piece[4] = static_cast<std::byte>(size & 255);
    }
    piece.insert(piece.end(), body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    body = body.subspan(size);
  }
  const const_bytes rest = data.subspan(record ? record : data.size());
  if (!rest.empty()) out.emplace_back(rest.begin(), rest.end());
  return out;
}

asio::awaitable<void> send_in_pieces(client& c, connection& far, const fragment_options& o,
                                     std::error_code& ec) {
  co_await read_first(c, o, ec);
  if (ec) co_return;
  const std::vector<std::byte> first = c.take_early();
  const auto length = [&o] { return std::max<std::size_t>(1, random_in(o.bytes)); };
  const auto pieces = pieces_of(first, o, length);
  counted_timer pause(c.get_executor());
  for (std::size_t i = 0; i < pieces.size() && !ec; ++i) {
    co_await far.write(asio::buffer(pieces[i]), ec);
    const std::size_t ms = i + 1 < pieces.size() ? random_in(o.pause_ms) : 0;
    if (ec || ms == 0) continue;
    pause.expires_after(std::chrono::milliseconds(ms));
    co_await pause.async_wait(or_error(ec));
  }
}

}  // namespace muxpro::proxy
