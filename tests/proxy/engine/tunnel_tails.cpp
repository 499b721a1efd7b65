// Tunnels of configured proxies between sockets of the kernel: what a side has sent before it ended arrives
// at the other one, although that one's bytes are answered by resets.
#include "configured.hpp"

#include <sys/ioctl.h>

#include <chrono>
#include <thread>

namespace tunnel_tails_test {

using namespace configured_test;
using namespace std::chrono_literals;

constexpr std::size_t body_size = 1 << 20;

inline std::string body() {
  std::string text(body_size, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 >> 3);
  return text;
}

/// Until the peer's kernel has everything that was written.
inline void wait_until_taken(tcp::socket& s) {
  for (int i = 0, left = 1; i < 3000 && left > 0; ++i) {
    std::this_thread::sleep_for(1ms);
    ::ioctl(s.native_handle(), TIOCOUTQ, &left);
  }
}

inline void write_words(tcp::socket& s, const std::string& word) {
  for (int i = 0; i < 3; ++i) {
    std::error_code gone;
    asio::write(s, asio::buffer(word), gone);
    std::this_thread::sleep_for(20ms);
  }
}

inline std::string read_to_end(tcp::socket& s, std::error_code& how) {
  std::string all;
  std::array<char, 10'000> room;
  for (how = {}; !how;) all.append(room.data(), s.read_some(asio::buffer(room), how));
  return all;
}

/// A way for a connection of a client to a target of its own.
struct tunnel {
  tunnel(const std::string& by, bool sniffs) : protocol(by) {
    const std::uint16_t target = at.local_endpoint().port();
    std::string exit = R"("protocol": "freedom")";
    if (by == "mux.pro") {
      behind = made(R"({"inbounds": [{"protocol": "mux.pro", "listen": "127.0.0.1", "port": 0}],
                        "outbounds": [{"protocol": "freedom"}]})");
      behind->start();
      exit = fmt::format(R"("protocol": "mux.pro", "settings": {{"address": "127.0.0.1", "port": {}}})",
                         port_of(behind->listening()[0]));
    }
    const std::string settings =
        by == "dokodemo-door" ? fmt::format(R"("address": "127.0.0.1", "port": {})", target) : "";
    front = made(fmt::format(
        R"({{"inbounds": [{{"protocol": "{}", "listen": "127.0.0.1", "port": 0, "settings": {{{}}},
                           "sniffing": {{"enabled": {}, "destOverride": ["http", "tls"], "routeOnly": true}}}}],
            "outbounds": [{{{}}}]}})",
        by == "mux.pro" ? "socks" : by, settings, sniffs, exit));
    front->start();
    connect(target);
  }
  ~tunnel() {
    client.close();
    server.close();
    finish(front);
    if (behind) finish(behind);
  }
  void connect(std::uint16_t target) {
    client.open(tcp::v4());
    client.set_option(asio::socket_base::receive_buffer_size(65536));
    client.connect({make_address("127.0.0.1"), port_of(front->listening()[0])});
    std::string request, answer;
    if (protocol == "http") {
      request = fmt::format("CONNECT 127.0.0.1:{} HTTP/1.1\r\nHost: x\r\n\r\n", target);
      answer.resize(std::string("HTTP/1.1 200 Connection established\r\n\r\n").size());
    } else if (protocol != "dokodemo-door") {
      request = "\x05\x01\x00"s + to_port(target);
      answer.resize(12);
    }
    asio::write(client, asio::buffer(request + "hello"));
    at.listen();
    server = at.accept();
    asio::read(client, asio::buffer(answer));
    std::string word(5, ' ');
    asio::read(server, asio::buffer(word));
    REQUIRE(word == "hello");
  }

  asio::io_context io;
  tcp::acceptor at{io, {make_address("127.0.0.1"), 0}};
  const std::string protocol;
  std::unique_ptr<configured_proxy> front, behind;
  tcp::socket client{io}, server{io};
};

inline void send_body(tcp::socket& from) {
  from.set_option(asio::socket_base::send_buffer_size(4 << 20));
  asio::write(from, asio::buffer(body()));
  wait_until_taken(from);
}

TEST_CASE("tunnel: an answer arrives whole although its client goes on sending", "[proxy][tail]") {
  const auto protocol = GENERATE("socks", "http", "dokodemo-door", "mux.pro");
  const bool sniffs = GENERATE(false, true);
  INFO(protocol << (sniffs ? " with sniffing" : ""));
  tunnel t(protocol, sniffs);
  send_body(t.server);
  t.server.close();
  write_words(t.client, "window update");
  std::error_code how;
  CHECK(read_to_end(t.client, how) == body());
  CHECK(how == asio::error::eof);
}

TEST_CASE("tunnel: an upload arrives whole although its target answers a client that has gone",
          "[proxy][tail]") {
  const auto protocol = GENERATE("socks", "http", "dokodemo-door", "mux.pro");
  const bool sniffs = GENERATE(false, true);
  INFO(protocol << (sniffs ? " with sniffing" : ""));
  tunnel t(protocol, sniffs);
  send_body(t.client);
  t.client.close();
  write_words(t.server, "progress");
  std::error_code how;
  CHECK(read_to_end(t.server, how) == body());
  CHECK(how == asio::error::eof);
}

TEST_CASE("tunnel: a reset arrives behind the bytes before it", "[proxy][tail]") {
  const auto protocol = GENERATE("socks", "http", "dokodemo-door");
  const bool sniffs = GENERATE(false, true);
  INFO(protocol << (sniffs ? " with sniffing" : ""));
  tunnel t(protocol, sniffs);
  send_body(t.server);
  t.server.set_option(asio::socket_base::linger(true, 0));
  t.server.close();
  std::this_thread::sleep_for(20ms);
  std::error_code how;
  CHECK(read_to_end(t.client, how) == body());
  CHECK(how == asio::error::connection_reset);
}

}  // namespace tunnel_tails_test
