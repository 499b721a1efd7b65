#include "proxy/outbound/dns.hpp"

#include "proxy/net/quiet_timer.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// One question and an OPT record with room for padding.
constexpr std::size_t max_query = 4096;

}  // namespace

namespace {

/// All of `into`; less with an error.
asio::awaitable<void> read_all(client& c, bytes into, std::error_code& ec) {
  for (std::size_t n = 0; n < into.size() && !ec;)
    n += co_await c.read_some(asio::buffer(into.data(), into.size()) + n, ec);
}

std::size_t length_in(const_bytes two) {
  return std::to_integer<std::size_t>(two[0]) << 8 | std::to_integer<std::size_t>(two[1]);
}

}  // namespace

// Messages behind their lengths (RFC 1035 section 4.2.2). Another one ends the connection.
asio::awaitable<void> dns_outbound::answer(client& c, std::error_code& ec) const {
  quiet_timer quiet(c.get_executor(), idle, [&c] { c.cut(); });
  std::array<std::byte, 2 + max_query> room;
  for (;;) {
    co_await read_all(c, bytes(room).first(2), ec);
    if (ec) break;
    const std::size_t size = length_in(room);
    if (size > max_query) ec = std::make_error_code(std::errc::bad_message);
    if (!ec) co_await read_all(c, bytes(room).first(size), ec);
    if (ec) break;
    std::vector<std::byte> reply = names_->answer(const_bytes(room).first(size));
    if (reply.empty()) ec = std::make_error_code(std::errc::bad_message);
    if (ec) break;
    const auto length = static_cast<std::uint16_t>(reply.size());
    reply.insert(reply.begin(), {static_cast<std::byte>(length >> 8), static_cast<std::byte>(length & 255)});
    co_await c.write(asio::buffer(reply), ec);
    if (ec) break;
    quiet.touch();
  }
}

asio::awaitable<connection_result> dns_outbound::carry(const context&, client& c) {
  const counted here(*this);
  connection_result result;
  co_await c.answer({}, result.why);
  if (!result.why) co_await answer(c, result.why);
  if (result.why == asio::error::eof) {
    result.why = {};
    co_await c.finish();
  }
  co_return result;
}

// A client asks from a port of its own each time: what it held is given up soon.
asio::awaitable<connection_result> dns_outbound::carry_datagrams(context,
                                                                 std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  quiet_timer quiet(datagrams->get_executor(), idle, [d = datagrams.get()] { d->end(end_code::graceful); });
  std::array<std::byte, max_query> query;
  host_port peer;
  for (;;) {
    std::error_code ec;
    const std::size_t n = co_await datagrams->receive(asio::buffer(query), peer, ec);
    if (ec == asio::error::message_size) continue;
    if (ec) break;
    const std::vector<std::byte> said = names_->answer(const_bytes(query).first(n));
    if (!said.empty()) co_await datagrams->send(asio::buffer(said), peer, ec);
    if (ec) break;
    quiet.touch();
  }
  co_return connection_result();
}

}  // namespace muxpro::proxy
