// Where a SOCKS client's datagrams go, by the reply to its UDP ASSOCIATE; and the reply that refuses one.
#include "catch.hpp"

#include "proxy/socks/client.hpp"

#include <muxpro/error.hpp>

#include <asio/error.hpp>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using asio::ip::make_address;

std::string relay(const host_port& bound, const char* server) {
  const auto at = socks_relay_address(bound, make_address(server));
  return at ? to_string(*at) : "none";
}

}  // namespace

TEST_CASE("socks client: an address of the reply is where datagrams go", "[proxy][socks][udp]") {
  CHECK(relay({"192.0.2.7", 5000}, "198.51.100.1") == "192.0.2.7:5000");
  CHECK(relay({"2001:db8::7", 5000}, "198.51.100.1") == "[2001:db8::7]:5000");
  CHECK(relay({"::ffff:192.0.2.7", 5000}, "::1") == "192.0.2.7:5000");
  CHECK(relay({"relay.example", 5000}, "198.51.100.1") == "relay.example:5000");
  CHECK(relay({"127.0.0.1", 5000}, "127.0.0.9") == "127.0.0.1:5000");
  CHECK(relay({"10.0.0.1", 5000}, "198.51.100.1") == "10.0.0.1:5000");
}

TEST_CASE("socks client: an unspecified address stands for the server's", "[proxy][socks][udp]") {
  for (const char* nothing : {"0.0.0.0", "::", "::ffff:0.0.0.0", ""}) {
    CHECK(relay({nothing, 5000}, "198.51.100.1") == "198.51.100.1:5000");
    CHECK(relay({nothing, 5000}, "::ffff:198.51.100.1") == "198.51.100.1:5000");
    CHECK(relay({nothing, 5000}, "2001:db8::1") == "[2001:db8::1]:5000");
  }
  for (const char* own : {"127.0.0.1", "::1"})
    CHECK(relay({own, 5000}, "198.51.100.1") == "198.51.100.1:5000");
  CHECK(relay({"192.0.2.7", 0}, "198.51.100.1") == "none");
}

TEST_CASE("socks 5: a UDP ASSOCIATE that cannot be served is refused as a command", "[proxy][socks][udp]") {
  const auto code = [](std::error_code ec) { return std::to_integer<int>(socks_associate_reply(ec)[1]); };
  CHECK(code(make_error_code(std::errc::operation_not_supported)) == 7);
  CHECK(code(asio::error::operation_not_supported) == 7);
  CHECK(code(end_code::rejected) == 2);
  CHECK(code(end_code::resources) == 1);
  CHECK(code({}) == 0);
}
