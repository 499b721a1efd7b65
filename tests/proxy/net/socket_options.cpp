// Options of sockets that configurations name.
#include "configured.hpp"

#include "proxy/net/socket_trials.hpp"
#include "proxy/net/unique_fd.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

namespace {

using namespace configured_test;

int number_of(int socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  CHECK(::getsockopt(socket, level, name, &value, &size) == 0);
  return value;
}

socket_options read(const std::string& sockopt) {
  return config_of(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0,
      "streamSettings": {"sockopt": )" +
                   sockopt + R"(}}], "outbounds": [{"protocol": "freedom"}]})")
      .inbounds[0]
      .stream.socket;
}

}  // namespace

TEST_CASE("socket options: from a configuration to a socket", "[proxy][transport]") {
  const socket_options o =
      read(R"({"tcpMaxSeg": 1200, "tcpCongestion": "reno", "tcpWindowClamp": 70000, "tcpMptcp": true})");
  const unique_fd s(make_tcp_socket(AF_INET, o));
  REQUIRE(s);
  socket_options plain = o;
  plain.multipath = false;
  const unique_fd tcp_alone(make_tcp_socket(AF_INET, plain));
  REQUIRE(tcp_alone);
  set_options(tcp_alone.get(), plain);
  CHECK_FALSE(set_route_options(tcp_alone.get(), plain));
  CHECK(number_of(tcp_alone.get(), IPPROTO_TCP, TCP_WINDOW_CLAMP) == 70000);
  std::array<char, 16> name{};
  socklen_t size = name.size();
  CHECK(::getsockopt(tcp_alone.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0);
  CHECK(std::string(name.data()) == "reno");
}

TEST_CASE("socket options: Fast Open is a flag or the length of a queue", "[proxy][transport]") {
  CHECK(read(R"({"tcpFastOpen": true})").fast_open);
  CHECK(read(R"({"tcpFastOpen": true})").fast_open_queue == 256);
  CHECK(read(R"({"tcpFastOpen": 64})").fast_open_queue == 64);
  CHECK_FALSE(read(R"({"tcpFastOpen": 0})").fast_open);
}

TEST_CASE("socket options: an interface that does not exist", "[proxy][transport]") {
  const unique_fd s(make_tcp_socket(AF_INET, socket_options()));
  REQUIRE(s);
  CHECK(set_route_options(s.get(), read(R"({"interface": "no-such-one"})")));
  CHECK(read(R"({"mark": 255})").mark == 255);
}

TEST_CASE("socket options: a listener on IPv6 alone", "[proxy][transport]") {
  for (const bool alone : {true, false}) {
    socket_options o;
    o.v6_only = alone;
    const unique_fd s(make_tcp_socket(AF_INET6, o));
    if (!s) return;  // no IPv6 here
    set_listening_options(s.get(), o);
    if (alone) CHECK(number_of(s.get(), IPPROTO_IPV6, IPV6_V6ONLY) == 1);
  }
}

TEST_CASE("socket options: an option that this machine refuses is reported in one sentence",
          "[proxy][transport]") {
  CHECK(refused_options(socket_options()).empty());
  socket_options o;
  o.congestion = "no-such-one";
  o.interface = "no-such-one";
  const auto refused = refused_options(o);
  REQUIRE(refused.size() == 2);
  CHECK(refused[0].key == "interface");
  CHECK(refused[0].sentence == "is 'no-such-one', to which no socket can be bound now: No such device");
  CHECK(refused[1].key == "tcpCongestion");
  CHECK(refused[1].sentence ==
        "is 'no-such-one', which this kernel does not have: No such file or directory; connections have the "
        "system's algorithm");
  CHECK_FALSE(refused[0].essential);
  CHECK_NOTHROW(require_options(o, "direct"));
}
