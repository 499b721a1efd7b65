// Lines of the access log about connections.
#include "loopback.hpp"

#include "proxy/inbound/http.hpp"
#include "proxy/inbound/socks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace {

using namespace loopback_test;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

context known_connection() {
  context ctx;
  ctx.id = 7;
  ctx.inbound.tag = "in";
  ctx.inbound.source = asio::ip::make_address("192.0.2.1");
  ctx.outbound.target = {network::tcp, "example.com", 443};
  ctx.outbound.tag = "server";
  return ctx;
}

awaitable<tcp::socket> talk_to_echo(chain& c) {
  tcp::socket s = co_await c.connect();
  co_await write(
      s, fmt::format("CONNECT 127.0.0.1:{0} HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\nhello", c.to_echo().port));
  const std::string heard =
      co_await read(s, std::string("HTTP/1.1 200 Connection established\r\n\r\nhello").size());
  CHECK_THAT(heard, EndsWith("hello"));
  co_return s;
}

awaitable<> each_has_its_sub_stream(chain& c) {
  tcp::socket first = co_await talk_to_echo(c), second = co_await talk_to_echo(c);
  second.shutdown(tcp::socket::shutdown_send);
  co_await wait_for([&] { return c.log().size() == 1; });
  first.shutdown(tcp::socket::shutdown_send);
  co_await wait_for([&] { return c.log().size() == 2; });
  CHECK_THAT(c.log()[0], ContainsSubstring(" via server sub-stream 2: 5 bytes up, 5 down, "));
  CHECK_THAT(c.log()[1], ContainsSubstring(" via server sub-stream 1: 5 bytes up, 5 down, "));
}

awaitable<> connect_and_leave(standing& x) {
  tcp::socket s = co_await x.connect();
  const std::uint16_t port = x.to_echo().port;
  co_await write(s, "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) +
                        static_cast<char>(port & 255));
  const std::string answer = co_await read(s, 12);
  CHECK(answer.size() == 12);
}

awaitable<> ten_connections(standing& x) {
  for (int i = 0; i < 10; ++i) co_await connect_and_leave(x);
  co_await wait_for([&] { return x.whole.load("direct") == 0; });
}

std::size_t lines_about_ten(std::uint32_t at_most) {
  instance_options o;
  o.access_lines = at_most;
  standing x(std::make_shared<socks_inbound>(socks_inbound_options()), o);
  x.run(ten_connections);
  const auto lines = x.log();
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find(" -> tcp:127.0.0.1:") != std::string::npos;
  }));
}

}  // namespace

TEST_CASE("access line: known values, and empty ones for unknown", "[proxy][log]") {
  context ctx = known_connection();
  connection_result how;
  how.up = 10;
  how.down = 2000;
  CHECK(ended_connection{ctx, how, 1500ms}.line() ==
        "7 192.0.2.1 in -> tcp:example.com:443 via server: 10 bytes up, 2000 down, 1.500 s, done");
  ctx.inbound.source_port = 4711;
  ctx.inbound.user.name = "alice";
  ctx.content.protocol = "tls";
  how.sub_stream = 65535;
  how.why = end_code::unreachable;
  CHECK(
      ended_connection{ctx, how, 1500ms}.line() ==
      "7 192.0.2.1:4711 in user alice -> tcp:example.com:443 (tls) via server sub-stream 65535: 10 bytes up, "
      "2000 down, 1.500 s, " +
          how.why.message());
}

TEST_CASE("access line: a sub-stream is named with its main connection", "[proxy][log]") {
  context ctx = known_connection();
  ctx.inbound.source_port = 4711;
  ctx.inbound.user.name = "alice";
  ctx.inbound.main_connection = 3;
  ctx.inbound.sub_stream = 5;
  const connection_result how;
  const ended_connection ended{ctx, how, 1500ms};
  const std::string rest = ": 0 bytes up, 0 down, 1.500 s, done";
  CHECK(ended.line() ==
        "7 192.0.2.1:4711 sub-stream 5 of main connection 3 in user alice -> tcp:example.com:443 via server" +
            rest);
  CHECK(ended.line(access_detail::brief) ==
        "sub-stream 5 of main connection 3 of 192.0.2.1 user alice to tcp:example.com:443" + rest);
}

TEST_CASE("access line: of connections over one main connection, each has its sub-stream", "[proxy][log]") {
  chain(std::make_shared<http_inbound>(http_inbound_options())).run(each_has_its_sub_stream);
}

TEST_CASE("access line: one source gets so many in a second", "[proxy][log]") {
  CHECK(lines_about_ten(1000) == 10);
  const std::size_t few = lines_about_ten(2);
  CHECK(few >= 2);
  CHECK(few <= 6);  // where a slow machine needs more than a second or two
}
