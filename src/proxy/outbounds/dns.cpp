#include <muxpro/proxy/outbounds/dns.hpp>

#include "../or_error.hpp"
#include "../quiet_timer.hpp"

#include <asio/read.hpp>
#include <asio/write.hpp>

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

// Messages behind their lengths (RFC 1035 section 4.2.2). What is none ends the connection.
asio::awaitable<void> dns_outbound::answer(pipe_end& stream, carried& how) const {
  quiet_timer quiet(stream.get_executor(), idle, [&stream] { stream.close(); });
  std::array<std::byte, 2 + max_query> room;
  for (;;) {
    co_await asio::async_read(stream, asio::buffer(room, 2), or_error(how.why));
    if (how.why) break;
    const std::size_t size =
        std::to_integer<std::size_t>(room[0]) << 8 | std::to_integer<std::size_t>(room[1]);
    if (size > max_query) how.why = end_code::protocol_error;
    if (!how.why) co_await asio::async_read(stream, asio::buffer(room, size), or_error(how.why));
    if (how.why) break;
    std::vector<std::byte> said = names_->answer(const_bytes(room).first(size));
    if (said.empty()) how.why = end_code::protocol_error;
    if (how.why) break;
    const auto length = static_cast<std::uint16_t>(said.size());
    said.insert(said.begin(), {static_cast<std::byte>(length >> 8), static_cast<std::byte>(length & 255)});
    co_await asio::async_write(stream, asio::buffer(said), or_error(how.why));
    if (how.why) break;
    how.up += 2 + size;
    how.down += said.size();
    quiet.touch();
  }
}

asio::awaitable<carried> dns_outbound::carry(context, outbound_link link) {
  const counted here(*this);
  carried result;
  link.target().tell({});
  co_await answer(link.stream, result);
  if (result.why == asio::error::eof) {
    result.why = {};
    std::error_code gone;
    co_await link.stream.async_shutdown(or_error(gone));
  }
  link.target().end(result.why);
  co_return result;
}

// A client asks from a port of its own each time: what it held is given up soon.
asio::awaitable<carried> dns_outbound::carry_datagrams(context, std::unique_ptr<datagram_stream> datagrams) {
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
  co_return carried();
}

}  // namespace muxpro::proxy
