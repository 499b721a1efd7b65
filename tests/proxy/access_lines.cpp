// How many lines about its connections one source gets.
#include "loopback.hpp"

#include <muxpro/proxy/inbounds/socks.hpp>

#include <algorithm>
#include <string>

namespace {

using namespace loopback_test;
using namespace std::string_literals;

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

TEST_CASE("access lines: one source gets so many in a second", "[proxy][log]") {
  CHECK(lines_about_ten(1000) == 10);
  const std::size_t few = lines_about_ten(2);
  CHECK(few >= 2);
  CHECK(few <= 6);  // where a slow machine needs more than a second or two
}
