// A server of VLESS or Trojan behind a layer of a transport, and clients that talk to an echo through it.
#pragma once

#include "keyed.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace behind_layer_test {

using namespace keyed_test;

/// A server behind a layer, whose protocol any of this library's may be.
struct behind_layer : targets {
  behind_layer(std::shared_ptr<const inbound> i, std::shared_ptr<const transport> over,
               std::size_t threads = 1)
      : nat(nat_limits(), dial_options(), names, policy),
        whole(
            instance_options(), threads,
            [this](dispatcher& d, asio::io_context&) {
              d.add("direct",
                    std::make_shared<freedom>(names, policy, dial_options(), relay_options(), &nat));
            },
            lines.sink()),
        at(to_tcp(whole.listen(stream_endpoint(tcp::endpoint(loopback, 0)), "in", i,
                               transport_options(std::move(over))))) {
    policy.allow_private(true);
    whole.start();
  }
  void run(std::function<awaitable<>(behind_layer&)> work) {
    targets::run<behind_layer>(*this, std::move(work));
  }
  std::shared_ptr<transport_dialer> way(std::shared_ptr<const transport> over) const {
    return std::make_shared<transport_dialer>(stream_address(host_port("127.0.0.1", at.port())),
                                              transport_options(std::move(over)));
  }

  test::kept_lines lines;
  resolver names;
  dial_policy policy;
  udp_nat nat;
  instance whole;
  tcp::endpoint at;
};

inline awaitable<> say_head(connection& c, std::string text) {
  std::error_code ec;
  co_await c.write(asio::buffer(text), ec);
  CHECK_FALSE(ec);
}

/// What comes next, `size` bytes of it or up to the end: "|" a clean one, "!" a cut.
inline awaitable<std::string> hear(connection& c, std::size_t size) {
  std::string text;
  std::array<char, 20'000> room;
  while (text.size() < size) {
    std::error_code ec;
    const std::size_t n =
        co_await c.read_some(asio::buffer(room.data(), std::min(room.size(), size - text.size())), ec);
    text.append(room.data(), n);
    if (ec) co_return text + (ec == asio::error::eof ? "|" : "!");
  }
  co_return text;
}

inline awaitable<> talks(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  std::error_code ec;
  const auto c = co_await way->dial(ec);
  REQUIRE_FALSE(ec);
  const std::string large(300'000, 'x');
  co_await say_head(*c, p.head(x.to_echo()) + "hello");
  const std::string heard = co_await hear(*c, p.response_text.size() + 5);
  CHECK(heard == p.response_text + "hello");
  asio::co_spawn(x.io, say_head(*c, large), asio::detached);
  const std::string echoed = co_await hear(*c, large.size());
  CHECK(echoed == large);
  co_await c->finish();
  const std::string end = co_await hear(*c, 1);
  CHECK(end == "|");
}

// Two connections, one of which stays, over one of HTTP/2.
inline awaitable<> shares(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  std::vector<std::shared_ptr<connection>> all;
  for (int i = 0; i < 10; ++i) {
    std::error_code ec;
    all.push_back(co_await way->dial(ec));
    REQUIRE_FALSE(ec);
    co_await say_head(*all.back(), p.head(x.to_echo()) + std::to_string(i));
  }
  for (int i = 0; i < 10; ++i) {
    const std::string heard = co_await hear(*all[static_cast<std::size_t>(i)], p.response_text.size() + 1);
    CHECK(heard == p.response_text + std::to_string(i));
  }
  all[3]->cut();
  co_await say_head(*all[4], "more");
  const std::string more = co_await hear(*all[4], 4);
  CHECK(more == "more");
}

inline awaitable<> passes_a_cut_on(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  tcp::acceptor target(x.io, {loopback, 0});
  std::error_code ec;
  const auto c = co_await way->dial(ec);
  co_await say_head(*c, p.head({network::tcp, "127.0.0.1", target.local_endpoint().port()}) + "hi");
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  const std::string hi = co_await read(there, 2);
  CHECK(hi == "hi");
  c->cut();
  const std::string end = co_await read_all(there);
  CHECK(end == "!");
  const auto d = co_await way->dial(ec);
  co_await say_head(*d, p.head({network::tcp, "127.0.0.1", target.local_endpoint().port()}));
  tcp::socket again = co_await target.async_accept(asio::use_awaitable);
  again.set_option(asio::socket_base::linger(true, 0));
  again.close();
  const std::string heard = co_await hear(*d, 100);
  CHECK(heard == "!");
}

inline void with_both(awaitable<> (*work)(behind_layer&, protocol, std::shared_ptr<const transport>),
                      const std::shared_ptr<const transport>& server,
                      const std::shared_ptr<const transport>& client) {
  for (const protocol& p : both()) {
    INFO(p.name);
    behind_layer(p.made(), server).run([&](behind_layer& x) { return work(x, p, client); });
  }
}

}  // namespace behind_layer_test
