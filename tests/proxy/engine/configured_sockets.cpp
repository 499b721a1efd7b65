// Options of sockets from configurations, read back from the sockets that a proxy listens and dials with.
#include "configured.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <optional>

namespace {

using namespace configured_test;

constexpr int multipath_tcp = 262;

std::optional<int> option(int socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, level, name, &value, &size) == 0 ? std::optional(value) : std::nullopt;
}
std::string text_option(int socket, int level, int name) {
  std::array<char, 32> text{};
  socklen_t size = text.size() - 1;
  return ::getsockopt(socket, level, name, text.data(), &size) == 0 ? text.data() : "?";
}

/// The port of either end, or 0. `end` is ::getsockname or ::getpeername.
template <class End>
std::uint16_t port_at(End end, int socket) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (end(socket, reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  if (at.ss_family != AF_INET && at.ss_family != AF_INET6) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in*>(&at)->sin_port);  // IPv6 has it in the same place
}

/// One of this process; -1: there is none.
int socket_with(const std::function<bool(int)>& is_it) {
  for (int s = 3; s < 4096; ++s)
    if (option(s, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && is_it(s)) return s;
  return -1;
}
int listener_on(std::uint16_t port) {
  return socket_with([port](int s) {
    return option(s, SOL_SOCKET, SO_ACCEPTCONN) == 1 && port_at(::getsockname, s) == port;
  });
}
int dialled_to(std::uint16_t port) {
  return socket_with([port](int s) { return port_at(::getpeername, s) == port; });
}

bool can_make(int family, int protocol) {
  const int s = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  const bool made = s >= 0;
  if (made) ::close(s);
  return made;
}
bool may_mark() {
  const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), mark = 1;
  const bool may = ::setsockopt(s, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
  ::close(s);
  return may;
}

asio::awaitable<std::string> begin_to_talk(tcp::socket& s, tcp::endpoint proxy, std::uint16_t target) {
  co_await s.async_connect(proxy, asio::use_awaitable);
  const std::string said = "\x05\x01\x00"s + to_port(target) + "hello";
  co_await asio::async_write(s, asio::buffer(said), asio::use_awaitable);
  std::string heard(2 + 10 + 5, ' ');
  co_await asio::async_read(s, asio::buffer(heard), as_result);
  co_return heard.substr(12);
}

std::string proxy_with(const std::string& of_listener, const std::string& of_freedom) {
  const auto stream = [](const std::string& sockopt) {
    return R"("streamSettings": {"sockopt": {)" + sockopt + "}}";
  };
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0, )" + stream(of_listener) +
         R"(}], "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}, )" +
         stream(of_freedom) + "}]}";
}

/// Calls `look` with the listening socket of a proxy and with that by which freedom has dialled a target.
void with_sockets(const std::string& of_listener, const std::string& of_freedom,
                  const std::function<void(int, int)>& look) {
  bench b;
  auto p = made(proxy_with(of_listener, of_freedom));
  p->start();
  const std::uint16_t at = port_of(p->listening()[0]);
  tcp::socket s(b.io);
  CHECK(test::run(b.io, begin_to_talk(s, {make_address("127.0.0.1"), at}, b.port())) == "hello");
  const int listener = listener_on(at), dialled = dialled_to(b.port());
  CHECK(listener >= 0);
  CHECK(dialled >= 0);
  look(listener, dialled);
  s.close();
  b.io.restart();
  while (dialled_to(b.port()) >= 0) b.io.run_for(std::chrono::milliseconds(1));  // the echo ends, too
  finish(p);
}

}  // namespace

TEST_CASE("configured sockets: segments, windows and the congestion's algorithm", "[proxy][sockopt]") {
  const std::string all = R"("tcpMaxSeg": 1200, "tcpWindowClamp": 20000, "tcpCongestion": "reno")";
  with_sockets(all, all, [](int listener, int dialled) {
    CHECK(option(listener, IPPROTO_TCP, TCP_MAXSEG) == 1200);
    // That of a connection leaves room for what stands in each segment.
    const int segment = option(dialled, IPPROTO_TCP, TCP_MAXSEG).value_or(0);
    CHECK((segment > 1100 && segment <= 1200));
    for (const int s : {listener, dialled}) {
      CHECK(option(s, IPPROTO_TCP, TCP_WINDOW_CLAMP) == 20000);
      CHECK(text_option(s, IPPROTO_TCP, TCP_CONGESTION) == "reno");
    }
  });
  with_sockets("", "", [](int, int dialled) {
    CHECK(option(dialled, IPPROTO_TCP, TCP_MAXSEG).value_or(0) > 1200);
    CHECK(option(dialled, IPPROTO_TCP, TCP_WINDOW_CLAMP) != 20000);
  });
}

TEST_CASE("configured sockets: the interface", "[proxy][sockopt]") {
  with_sockets(R"("interface": "lo")", R"("interface": "lo")", [](int listener, int dialled) {
    for (const int s : {listener, dialled}) CHECK(text_option(s, SOL_SOCKET, SO_BINDTODEVICE) == "lo");
  });
}

TEST_CASE("configured sockets: the mark", "[proxy][sockopt]") {
  if (!may_mark()) return;  // it needs CAP_NET_ADMIN
  with_sockets(R"("mark": 77)", R"("mark": 255)", [](int listener, int dialled) {
    CHECK(option(listener, SOL_SOCKET, SO_MARK) == 77);
    CHECK(option(dialled, SOL_SOCKET, SO_MARK) == 255);
  });
}

TEST_CASE("configured sockets: Fast Open is a flag of the side that dials, and a queue of a listener",
          "[proxy][sockopt]") {
  with_sockets(R"("tcpFastOpen": 64)", R"("tcpFastOpen": true)", [](int listener, int dialled) {
    CHECK(option(listener, IPPROTO_TCP, TCP_FASTOPEN) == 64);
    CHECK(option(dialled, IPPROTO_TCP, TCP_FASTOPEN_CONNECT) == 1);
  });
  with_sockets(R"("tcpFastOpen": 0)", R"("tcpFastOpen": 0)", [](int listener, int dialled) {
    CHECK(option(listener, IPPROTO_TCP, TCP_FASTOPEN) == 0);
    CHECK(option(dialled, IPPROTO_TCP, TCP_FASTOPEN_CONNECT) == 0);
  });
}

TEST_CASE("configured sockets: MPTCP, or TCP where the kernel has none", "[proxy][sockopt]") {
  const int wanted = can_make(AF_INET, multipath_tcp) ? multipath_tcp : IPPROTO_TCP;
  with_sockets(R"("tcpMptcp": true)", R"("tcpMptcp": true)", [wanted](int listener, int dialled) {
    for (const int s : {listener, dialled}) CHECK(option(s, SOL_SOCKET, SO_PROTOCOL) == wanted);
  });
  with_sockets("", "", [](int listener, int dialled) {
    for (const int s : {listener, dialled}) CHECK(option(s, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
  });
}

TEST_CASE("configured sockets: a listener on IPv6 alone", "[proxy][sockopt]") {
  for (const bool alone : {true, false}) {
    std::unique_ptr<configured_proxy> p;
    try {
      p = made(fmt::format(R"({{"inbounds": [{{"protocol": "socks", "listen": "::", "port": 0,
          "settings": {{"auth": "password", "accounts": [{{"user": "a", "pass": "b"}}]}},
          "streamSettings": {{"sockopt": {{"v6only": {}}}}}}}], "outbounds": [{{"protocol": "freedom"}}]}})",
                           alone));
    } catch (const std::system_error&) {
      return;  // no IPv6 here
    }
    const std::uint16_t port = port_of(p->listening()[0]);
    CHECK(option(listener_on(port), IPPROTO_IPV6, IPV6_V6ONLY) == (alone ? 1 : 0));
    asio::io_context io;
    tcp::socket by_v4(io);
    std::error_code refused;
    by_v4.connect({make_address("127.0.0.1"), port}, refused);
    CHECK((refused == asio::error::connection_refused) == alone);
    by_v4.close();
    p->start();
    finish(p);
  }
}
