#include "proxy/udp/relay_datagrams.hpp"

#include "proxy/net/idle_timer.hpp"
#include "proxy/net/or_error.hpp"

#include <muxpro/frame.hpp>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>

#include <array>
#include <utility>

namespace muxpro::proxy {

namespace {

struct datagram_relay {
  datagram_relay(std::unique_ptr<datagram_stream> first, std::unique_ptr<datagram_stream> second,
                 duration idle, std::optional<host_port> o)
      : a(std::move(first)),
        b(std::move(second)),
        only(std::move(o)),
        quiet(a->get_executor(), idle, [this] { end({}); }),
        over(a->get_executor()) {}

  void end(std::error_code ec) {
    if (std::exchange(ended, true)) return;
    if (ec != asio::error::eof) why = ec;
    end_code code = ec ? end_code::remote_disconnect : end_code::graceful;
    if (ec == asio::error::eof) code = end_code::graceful;
    if (ec.category() == end_category()) code = static_cast<end_code>(ec.value());
    a->end(code);
    b->end(code);
  }

  const std::unique_ptr<datagram_stream> a, b;
  const std::optional<host_port> only;
  bool ended = false;
  std::error_code why;
  idle_timer quiet;
  semaphore over;
};

// A datagram that cannot be sent, because it is too long or its name is invalid, is lost as datagrams are.
bool is_of_one_datagram(const std::error_code& ec) {
  return ec == asio::error::message_size || ec == errc::datagram_too_large || ec == errc::bad_host;
}

asio::awaitable<void> carry(std::shared_ptr<datagram_relay> r, bool up) {
  datagram_stream& from = up ? *r->a : *r->b;
  datagram_stream& to = up ? *r->b : *r->a;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::error_code ec;
  host_port peer;
  for (;;) {
    const std::size_t n = co_await from.receive(asio::buffer(memory.get(), max_datagram), peer, ec);
    if (!ec) {
      r->quiet.touch();
      if (!up || !r->only || peer == *r->only) co_await to.send(asio::buffer(memory.get(), n), peer, ec);
    }
    if (ec && !is_of_one_datagram(ec)) break;
    ec.clear();
  }
  r->end(ec);
}

void spawn(const std::shared_ptr<datagram_relay>& r, bool up) {
  asio::co_spawn(r->a->get_executor(), carry(r, up), [r](std::exception_ptr failed) {
    if (failed) r->end(end_code::resources);
    r->over.release();
  });
}

}  // namespace

asio::awaitable<std::error_code> relay_datagrams(std::unique_ptr<datagram_stream> a,
                                                 std::unique_ptr<datagram_stream> b, duration idle,
                                                 std::optional<host_port> only) {
  const auto r = std::make_shared<datagram_relay>(std::move(a), std::move(b), idle, std::move(only));
  spawn(r, true);
  spawn(r, false);
  std::error_code ec;
  co_await r->over.async_acquire(2, or_error(ec));
  r->quiet.stop();
  co_return r->why;
}

asio::awaitable<void> reject_datagrams(std::unique_ptr<datagram_stream> from, duration idle,
                                       std::function<void()> dropped) {
  idle_timer quiet(from->get_executor(), idle, [d = from.get()] { d->end(end_code::rejected); });
  std::array<std::byte, 1> unread;
  host_port to;
  for (;;) {
    std::error_code ec;
    co_await from->receive(asio::buffer(unread), to, ec);
    if (ec && ec != asio::error::message_size) co_return;
    dropped();
    quiet.touch();
  }
}

}  // namespace muxpro::proxy
