// Queries of clients that a dns outbound answers, forwards or refuses; queries of the proxy itself by rules.
#include "configured.hpp"
#include "dns_server.hpp"
#include "kept_lines.hpp"

#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>

#include <optional>
#include <string>
#include <vector>

namespace answers_of_dns {

using namespace configured_test;
using namespace std::chrono_literals;
using asio::ip::udp;

constexpr char type_a = 1, type_txt = 16;

/// A query of class IN for a name of two labels.
std::string query(const std::string& first, char type, char id = 1) {
  return "\x12"s + id + "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s + static_cast<char>(first.size()) +
         first + "\x03net\x00\x00"s + type + "\x00\x01"s;
}

/// The code and the number of records of a reply, and its last four octets; "none".
std::string shown(const std::string& reply) {
  if (reply.size() < 12) return "none";
  const int count = reply[7];
  std::string out = fmt::format("{} {}", reply[3] & 15, count);
  for (int i = 4; count > 0 && i > 0; --i)
    out += fmt::format("{}{}", i == 4 ? " " : ".",
                       static_cast<unsigned char>(reply[reply.size() - static_cast<std::size_t>(i)]));
  return out;
}

asio::awaitable<std::string> receive(udp::socket& s) {
  std::string room(2048, ' ');
  asio::steady_timer limit(co_await asio::this_coro::executor, 800ms);
  limit.async_wait([&s](std::error_code cancelled) {
    if (!cancelled) s.cancel();
  });
  const auto [error, n] = co_await s.async_receive(asio::buffer(room), as_result);
  limit.cancel();
  co_return room.substr(0, error ? 0 : n);
}

asio::awaitable<std::string> told_by_udp(udp::socket s, udp::endpoint at, std::string what) {
  co_await s.async_send_to(asio::buffer(what), at, asio::use_awaitable);
  co_return co_await receive(s);
}

/// Two queries in one go, and what has come by the end.
asio::awaitable<std::vector<std::string>> two_by_udp(udp::socket s, udp::endpoint at, std::string a,
                                                     std::string b) {
  co_await s.async_send_to(asio::buffer(a), at, asio::use_awaitable);
  co_await s.async_send_to(asio::buffer(b), at, asio::use_awaitable);
  std::vector<std::string> out;
  out.push_back(co_await receive(s));
  co_return out;
}

asio::awaitable<std::string> told_by_tcp(tcp::socket s, tcp::endpoint at, std::string what) {
  co_await s.async_connect(at, asio::use_awaitable);
  const std::string framed =
      std::string{static_cast<char>(what.size() >> 8), static_cast<char>(what.size() & 255)} + what;
  co_await asio::async_write(s, asio::buffer(framed), asio::use_awaitable);
  s.shutdown(tcp::socket::shutdown_send);
  std::string heard;
  co_await asio::async_read(s, asio::dynamic_buffer(heard), as_result);
  co_return heard.size() < 2 ? "" : heard.substr(2);
}

struct answering : bench {
  /// `dns` and `settings` of the outbound, with PORT for the server's port.
  void start(std::string dns, std::string settings = "{}", std::string rules = "", std::string more = "") {
    std::string text = R"({"inbounds": [
        {"tag": "u", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 0,
         "settings": {"network": "udp", "address": "192.0.2.53", "port": 53}},
        {"tag": "t", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 0,
         "settings": {"network": "tcp", "address": "192.0.2.53", "port": 53}})" +
                       more + R"(],
      "outbounds": [{"tag": "direct", "protocol": "freedom"}, {"tag": "no", "protocol": "blackhole"},
        {"tag": "answers", "protocol": "dns", "settings": )" +
                       settings + R"(}],
      "log": {"dnsLog": true, "access": ""},
      "routing": {"rules": [)" +
                       rules + R"({"inboundTag": ["u", "t"], "outboundTag": "answers"}]},
      "dns": )" + dns + "}";
    for (auto at = text.find("PORT"); at != std::string::npos; at = text.find("PORT"))
      text.replace(at, 4, std::to_string(server.port()));
    p = made(text, lines.sink());
    p->start();
  }
  ~answering() {
    if (p) finish(p);
  }
  udp::endpoint place(std::size_t n) const {
    const auto at = to_tcp(p->listening()[n].at);
    return {at.address(), at.port()};
  }
  udp::socket socket() { return {io, {make_address("127.0.0.1"), 0}}; }
  std::string asked(const std::string& what, std::size_t inbound = 0) {
    return shown(test::run(io, told_by_udp(socket(), place(inbound), what)));
  }
  std::string asked_by_tcp(const std::string& what) {
    return shown(test::run(io, told_by_tcp(tcp::socket(io), to_tcp(p->listening()[1].at), what)));
  }

  test::dns_server server;
  test::kept_lines lines;
  std::unique_ptr<configured_proxy> p;
};

test::dns_server::entry at(const char* address) { return {{make_address(address)}}; }
const std::string servers = R"({"servers": ["udp://127.0.0.1:PORT"], "tag": "names"})";

TEST_CASE("a dns outbound answers by the servers of dns", "[proxy][configured][dns]") {
  answering f;
  f.server.add("a.net", at("192.0.2.1"));
  f.start(servers);
  CHECK(f.asked(query("a", type_a)) == "0 1 192.0.2.1");
  CHECK(f.asked_by_tcp(query("a", type_a)) == "0 1 192.0.2.1");
  CHECK(f.asked(query("none", type_a)) == "3 0");
  CHECK(f.asked(query("a", type_txt)) == "0 0");
  CHECK(f.server.asked("a.net") == 1);
  CHECK(f.lines.has("from DNS accepted udp:127.0.0.1:"));
  CHECK(f.lines.has("[names -> direct]"));
}

TEST_CASE("a dns outbound answers by hosts, and by their codes", "[proxy][configured][dns]") {
  answering f;
  f.server.add("real.net", at("192.0.2.1"));
  f.start(R"({"servers": ["udp://127.0.0.1:PORT"],
              "hosts": {"a.net": "192.0.2.7", "full:refused.net": "#5", "none.net": "#3", "empty.net": "#0",
                        "keyword:alias": "real.net"}})");
  CHECK(f.asked(query("a", type_a)) == "0 1 192.0.2.7");
  CHECK(f.asked(query("refused", type_a)) == "5 0");
  CHECK(f.asked(query("none", type_a)) == "3 0");
  CHECK(f.asked(query("empty", type_a)) == "0 0");
  CHECK(f.asked(query("my-alias", type_a)) == "0 1 192.0.2.1");
  CHECK(f.server.asked_in_all() == 1);
}

TEST_CASE("a name without an answer does not hold up others of its client", "[proxy][configured][dns]") {
  answering f;
  f.server.add("a.net", at("192.0.2.1"));
  f.server.add("x.net", at("192.0.2.2"));
  f.start(
      R"({"servers": [{"address": "127.0.0.1", "port": 9, "domains": ["full:x.net"], "skipFallback": true, "finalQuery": true},
                          "udp://127.0.0.1:PORT"]})");
  const auto got =
      test::run(f.io, two_by_udp(f.socket(), f.place(0), query("x", type_a), query("a", type_a, 2)));
  REQUIRE(got.size() == 1);
  CHECK(shown(got[0]) == "0 1 192.0.2.1");
}

TEST_CASE("the queries of dns go through the rules", "[proxy][configured][dns]") {
  answering f;
  f.server.add("a.net", at("192.0.2.1"));
  f.start(R"({"servers": [{"address": "udp://127.0.0.1:PORT", "tag": "here"}], "tag": "names"})", "{}",
          R"({"inboundTag": ["here"], "outboundTag": "no"},)");
  CHECK(f.asked(query("a", type_a)) == "none");  // not before its time is over
  CHECK(f.server.asked_in_all() == 0);
  CHECK(f.lines.has("[here -> no]"));
}

TEST_CASE("a query of dns that the rules lead to a dns outbound goes to its server",
          "[proxy][configured][dns]") {
  answering f;
  f.server.add("a.net", at("192.0.2.1"));
  f.start(servers, "{}", R"({"inboundTag": ["names"], "outboundTag": "answers"},)");
  CHECK(f.asked(query("a", type_a)) == "0 1 192.0.2.1");
  CHECK(f.server.asked("a.net") == 1);
}

TEST_CASE("other types are refused, dropped or forwarded", "[proxy][configured][dns]") {
  const auto asked = [](const std::string& settings, char type, bool by_tcp = false) {
    answering f;
    f.server.add("a.net", at("192.0.2.1"));
    f.start(servers, settings);
    return by_tcp ? f.asked_by_tcp(query("a", type)) : f.asked(query("a", type));
  };
  CHECK(asked(R"({"nonIPQuery": "reject"})", type_txt) == "5 0");
  CHECK(asked(R"({"nonIPQuery": "drop"})", type_txt) == "none");
  CHECK(asked(R"({"blockTypes": [16]})", type_txt) == "5 0");
  CHECK(asked(R"({"rules": [{"action": "return", "rCode": 3, "qType": 16}]})", type_txt) == "3 0");
  CHECK(asked(R"({"rules": [{"action": "drop", "domain": ["full:a.net"]}]})", type_a) == "none");
  const std::string elsewhere = R"("rewriteAddress": "127.0.0.1", "rewritePort": PORT)";
  // The server answers that it has no records of that type.
  CHECK(asked("{\"nonIPQuery\": \"skip\", " + elsewhere + "}", type_txt) == "0 0");
  CHECK(asked("{\"nonIPQuery\": \"skip\", " + elsewhere + "}", type_txt, true) == "0 0");
  CHECK(asked(R"({"rules": [{"action": "direct"}], "network": "tcp", )" + elsewhere + "}", type_a) ==
        "0 1 192.0.2.1");
  CHECK(asked(R"({"rules": [{"action": "direct"}], "network": "udp", )" + elsewhere + "}", type_a, true) ==
        "0 1 192.0.2.1");
}

namespace {

asio::awaitable<std::string> source_by_udp(udp::socket client, udp::endpoint at, udp::socket& server) {
  const std::string what = query("a", type_txt);
  co_await client.async_send_to(asio::buffer(what), at, asio::use_awaitable);
  std::string room(512, ' ');
  udp::endpoint from;
  co_await server.async_receive_from(asio::buffer(room), from, asio::use_awaitable);
  co_return from.address().to_string();
}

asio::awaitable<std::string> source_by_tcp(udp::socket client, udp::endpoint at, tcp::acceptor& server) {
  const std::string what = query("a", type_txt);
  co_await client.async_send_to(asio::buffer(what), at, asio::use_awaitable);
  const tcp::socket s = co_await server.async_accept(asio::use_awaitable);
  co_return s.remote_endpoint().address().to_string();
}

/// Settings of an outbound that forwards to this port of 127.0.0.1, from 127.0.0.2.
std::string forwarding_to(std::uint16_t port, const std::string& net) {
  return fmt::format(
      R"({{"nonIPQuery": "skip", "rewriteNetwork": "{}", "rewriteAddress": "127.0.0.1", "rewritePort": {}}},
         "sendThrough": "127.0.0.2")",
      net, port);
}

}  // namespace

TEST_CASE("forwarded queries come from the address of sendThrough", "[proxy][configured][dns]") {
  answering by_udp, by_tcp;
  udp::socket datagrams = by_udp.socket();
  by_udp.start(servers, forwarding_to(datagrams.local_endpoint().port(), "udp"));
  CHECK(test::run(by_udp.io, source_by_udp(by_udp.socket(), by_udp.place(0), datagrams)) == "127.0.0.2");
  tcp::acceptor streams(by_tcp.io, {make_address("127.0.0.1"), 0});
  by_tcp.start(servers, forwarding_to(streams.local_endpoint().port(), "tcp"));
  CHECK(test::run(by_tcp.io, source_by_tcp(by_tcp.socket(), by_tcp.place(0), streams)) == "127.0.0.2");
}

TEST_CASE("FakeDNS among the servers answers what is its own", "[proxy][configured][dns]") {
  answering f;
  f.server.add("a.net", at("192.0.2.1"));
  f.start(R"({"servers": [{"address": "fakedns", "domains": ["full:fake.net"], "skipFallback": true},
                          "udp://127.0.0.1:PORT"], "hosts": {"b.net": "192.0.2.7"}})",
          "{}", "",
          R"(,{"tag": "s", "protocol": "socks", "listen": "127.0.0.1", "port": 0,
               "sniffing": {"enabled": true, "destOverride": ["fakedns"]}})");
  CHECK(f.asked(query("fake", type_a)) == "0 1 198.18.0.1");
  CHECK(f.asked(query("a", type_a)) == "0 1 192.0.2.1");
  CHECK(f.asked(query("b", type_a)) == "0 1 192.0.2.7");
}

TEST_CASE("an inbound of protocol dns answers by the servers of dns", "[proxy][configured][dns]") {
  answering f;
  f.server.add("a.net", at("192.0.2.1"));
  f.start(
      servers, "{}", "",
      R"(,{"tag": "d", "protocol": "dns", "listen": "127.0.0.1", "port": 0, "settings": {"network": "udp"}})");
  CHECK(f.asked(query("a", type_a), 2) == "0 1 192.0.2.1");
  CHECK(f.asked(query("a", type_txt), 2) == "0 0");
}

TEST_CASE("a client that closes during its answer leaves nothing behind", "[proxy][configured][dns]") {
  answering f;
  f.start(R"({"servers": ["udp://127.0.0.1:9"]})");
  for (int i = 0; i < 50; ++i) {
    udp::socket s = f.socket();
    const std::string what = query("x" + std::to_string(i), type_a);
    s.send_to(asio::buffer(what), f.place(0));
    tcp::socket t(f.io);
    t.connect(to_tcp(f.p->listening()[1].at));
    const std::string framed = std::string{0, static_cast<char>(what.size())} + what;
    asio::write(t, asio::buffer(framed));
    t.set_option(asio::socket_base::linger(true, 0));
  }
}

}  // namespace answers_of_dns
