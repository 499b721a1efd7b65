// Outbounds that go through others: every protocol in front, several behind, and UDP.
#include "chains.hpp"

#include <asio/ip/udp.hpp>

namespace {

using namespace chain_test;
using asio::ip::udp;

/// Sends a datagram of a client to a target, and returns the answer.
std::string ask_by_udp(bench& b, udp::socket& target, std::uint16_t door) {
  udp::socket client(b.io, {make_address("127.0.0.1"), 0});
  std::string query(100, ' '), answer(100, ' ');
  client.send_to(asio::buffer("query"s), {make_address("127.0.0.1"), door});
  const auto talk = [&]() -> asio::awaitable<void> {
    udp::endpoint from;
    const auto [lost, n] = co_await target.async_receive_from(asio::buffer(query), from, as_result);
    query.resize(n);
    if (!lost) target.send_to(asio::buffer("answer to " + query), from);
    const auto [unheard, m] = co_await client.async_receive(asio::buffer(answer), as_result);
    answer.resize(unheard ? 0 : m);
  };
  test::run(b.io, talk());
  return answer;
}

}  // namespace

TEST_CASE("configured chain: every protocol through every other one", "[proxy][chain]") {
  const std::string much(200'000, 'x');
  for (const hop& second : {socks_hop, http_hop, vless_hop, shadowsocks_hop}) {
    for (const hop& first : {socks_hop, http_hop, vless_hop, trojan_hop, vmess_hop, shadowsocks_hop}) {
      INFO(first.protocol << " through " << second.protocol);
      bench b;
      lines at_first, at_second;
      auto far = server_of(first, at_first), between = server_of(second, at_second);
      const std::uint16_t place = port_of(far->listening()[0]);
      auto near = client_of(outbound_to(first, "a", place, through("b")) + "," +
                            outbound_to(second, "b", port_of(between->listening()[0])));
      CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
      CHECK(b.by_tcp(port_of(near->listening()[0]), b.port(), much) == much);
      CHECK(at_second.has(to_log(place)));
      CHECK_FALSE(at_second.has(to_log(b.port())));
      CHECK(at_first.has(to_log(b.port())));
      finish(near);
      finish(between);
      finish(far);
    }
  }
}

TEST_CASE("configured chain: main connections, in front and behind", "[proxy][chain]") {
  const std::string much(200'000, 'x');
  const std::string mux = R"(, "mux": {"enabled": true, "protocol": "mux.pro"})";
  bench b;
  lines at_first, at_second;
  auto far = server_of(vless_hop, at_first), between = server_of(trojan_hop, at_second);
  const std::uint16_t place = port_of(far->listening()[0]);
  auto near = client_of(outbound_to(vless_hop, "a", place, through("b") + mux) + "," +
                        outbound_to(trojan_hop, "b", port_of(between->listening()[0]), mux));
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port(), much) == much);
  CHECK(at_second.has(to_log(place)));
  finish(near);
  finish(between);
  finish(far);
}

TEST_CASE("configured chain: proxySettings carries TLS without the transport", "[proxy][chain]") {
  bench b;
  lines at_first, at_second;
  auto far = server_of(vless_hop, at_first), between = server_of(socks_hop, at_second);
  const std::uint16_t place = port_of(far->listening()[0]);
  // The server has no WebSocket: neither has the client then.
  auto near =
      client_of(outbound_to(vless_hop, "a", place,
                            R"(, "proxySettings": {"tag": "b"}, "streamSettings": {"network": "ws"})") +
                "," + outbound_to(socks_hop, "b", port_of(between->listening()[0])));
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
  CHECK(at_second.has(to_log(place)));
  finish(near);
  finish(between);
  finish(far);
}

TEST_CASE("configured chain: three outbounds, the last one from an address", "[proxy][chain]") {
  bench b;
  lines at_first, at_second, at_near;
  auto far = server_of(vless_hop, at_first), between = server_of(socks_hop, at_second);
  const std::uint16_t place = port_of(far->listening()[0]);
  auto near = client_of(outbound_to(vless_hop, "a", place, through("b")) + "," +
                            outbound_to(socks_hop, "b", port_of(between->listening()[0]),
                                        R"(, "proxySettings": {"tag": "c", "transportLayer": true})") +
                            R"(, {"tag": "c", "protocol": "freedom", "sendThrough": "127.0.0.5"})",
                        1, at_near.sink());
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
  CHECK(at_second.has("from 127.0.0.5:"));
  CHECK(at_second.has(to_log(place)));
  // One line for the client's connection, none for those that carry it.
  CHECK(at_near.has("[socks -> a]"));
  CHECK_FALSE(at_near.has("-> b]"));
  CHECK_FALSE(at_near.has("-> c]"));
  finish(near);
  finish(between);
  finish(far);
}

TEST_CASE("configured chain: a server that cannot be reached is refused to the client", "[proxy][chain]") {
  bench b;
  lines at_second;
  auto between = server_of(socks_hop, at_second);
  std::uint16_t closed = 0;
  {
    tcp::acceptor gone(b.io, {make_address("127.0.0.1"), 0});
    closed = gone.local_endpoint().port();
  }
  auto near = client_of(outbound_to(socks_hop, "a", closed, through("b")) + "," +
                        outbound_to(socks_hop, "b", port_of(between->listening()[0])));
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()).substr(0, 7) == "refused");
  finish(near);
  finish(between);
}

TEST_CASE("configured chain: datagrams, inside of connections and beside them", "[proxy][chain]") {
  for (const hop& second : {socks_hop, vless_hop, shadowsocks_hop, vmess_hop}) {
    for (const hop& first : {vless_hop, trojan_hop, vmess_hop, shadowsocks_hop, socks_hop}) {
      INFO(first.protocol << " through " << second.protocol);
      bench b;
      lines at_first, at_second;
      udp::socket target(b.io, {make_address("127.0.0.1"), 0});
      auto far = server_of(first, at_first), between = server_of(second, at_second);
      auto near = client_of(outbound_to(first, "a", port_of(far->listening()[0]), through("b")) + "," +
                                outbound_to(second, "b", port_of(between->listening()[0])),
                            target.local_endpoint().port());
      CHECK(ask_by_udp(b, target, port_of(near->listening()[1])) == "answer to query");
      finish(near);
      finish(between);
      finish(far);
    }
  }
}

TEST_CASE("configured chain: freedom by another outbound", "[proxy][chain]") {
  bench b;
  lines at_second;
  udp::socket target(b.io, {make_address("127.0.0.1"), 0});
  auto between = server_of(vless_hop, at_second);
  auto near =
      client_of(R"({"tag": "a", "protocol": "freedom", "settings": {"fragment": {"packets": "1-1",
          "length": "1-3", "interval": "0"}})" +
                    through("b") + "}, " + outbound_to(vless_hop, "b", port_of(between->listening()[0])),
                target.local_endpoint().port());
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
  CHECK(at_second.has(to_log(b.port())));
  CHECK(ask_by_udp(b, target, port_of(near->listening()[1])) == "answer to query");
  finish(near);
  finish(between);
}
