#include <muxpro/proxy/inbounds/socks.hpp>

#include "../or_error.hpp"

#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace muxpro::proxy {

/// What a client has said so far.
struct socks_inbound::start {
  const_bytes received() const { return const_bytes(room).first(size); }
  void consume(std::size_t n) {
    std::copy(room.begin() + static_cast<std::ptrdiff_t>(n), room.begin() + static_cast<std::ptrdiff_t>(size),
              room.begin());
    size -= n;
  }

  std::array<std::byte, 2 * socks_handshake::max_message> room;
  std::size_t size = 0;
  std::optional<socks_request> request;
};

// Leaves no request where there is none to serve.
asio::awaitable<void> socks_inbound::negotiate(connection& c, start& s) const {
  socks_handshake handshake(options_.users);
  std::error_code ec;
  for (;;) {
    socks_handshake::step step = handshake.next(s.received());
    s.consume(step.consumed);
    if (!step.reply.empty()) co_await c.write(asio::buffer(step.reply), ec);
    if (ec || step.what == socks_handshake::status::refused) co_return;
    if (step.what == socks_handshake::status::request) {
      s.request = std::move(step.request);
      co_return;
    }
    if (step.what == socks_handshake::status::say) continue;
    const std::size_t n = co_await c.read_some(asio::buffer(s.room) + s.size, ec);
    if (ec) co_return;
    s.size += n;
  }
}

asio::awaitable<void> socks_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                           admission::ticket place) const {
  start s;
  {
    const handshake_deadline limit(c, options_.handshake);
    co_await negotiate(*c, s);
  }
  place.release();
  if (!s.request) {
    co_await c->finish();
    co_return;
  }
  known.inbound.protocol = "socks";
  known.inbound.user = s.request->user;
  known.outbound.original = known.outbound.target = s.request->target;
  std::error_code ec;
  std::vector<std::byte> answer;
  if (s.request->command != socks_command::connect) {
    answer = socks_reply(s.request->version, asio::error::operation_not_supported);
    co_await c->write(asio::buffer(answer), ec);
    co_await c->finish();
    co_return;
  }
  inbound_link link = to.dispatch(std::move(known));
  const std::error_code outcome = co_await link.async_wait_for_target();
  answer = socks_reply(s.request->version, outcome);
  co_await c->write(asio::buffer(answer), ec);
  if (outcome) co_await c->finish();
  if (outcome || ec) co_return;
  if (s.size > 0) co_await asio::async_write(link.stream, asio::buffer(s.room.data(), s.size), or_error(ec));
  co_await c->relay(link.stream, options_.relay, ec);
}

}  // namespace muxpro::proxy
