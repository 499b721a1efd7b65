// The heads of VLESS: golden bytes, every cut, every wrong byte.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/base/main_connection_target.hpp"
#include "proxy/vless/request.hpp"

#include <algorithm>

namespace vless_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::destination;
using muxpro::dialect;
using muxpro::network;
using muxpro::testing::from_hex;

const uuid id = parse_uuid("66ad4540-b58c-4ad2-9926-ea63445a9b57").value();

const accounts& one_user() {
  static const accounts all = [] {
    accounts users;
    user_account alice;
    alice.name = "alice";
    users.add_key(alice, vless_key(id));
    return users;
  }();
  return all;
}

request_head read(const_bytes in) { return read_vless_request(in, one_user()); }
std::string read_cut(std::string_view in) { return every_cut(from_hex(in), read); }

struct golden {
  const char* wire;
  destination target;
};
const golden requests[] = {
    {"0066ad4540b58c4ad29926ea63445a9b57000101bb01c0000201", {network::tcp, "192.0.2.1", 443}},
    {"0066ad4540b58c4ad29926ea63445a9b57000101bb020c6578616d706c652e74657374",
     {network::tcp, "example.test", 443}},
    {"0066ad4540b58c4ad29926ea63445a9b57000200350320010db8000000000000000000000001",
     {network::udp, "2001:db8::1", 53}},
};

TEST_CASE("vless: golden requests", "[proxy][vless]") {
  for (const golden& g : requests) {
    CHECK(hex(vless_request(id, g.target)) == g.wire);
    CHECK(read_cut(g.wire) == fmt::format("alice to {}, {} bytes", g.target, std::strlen(g.wire) / 2));
    CHECK(read_cut(std::string(g.wire) + "474554") ==
          fmt::format("alice to {}, {} bytes", g.target, std::strlen(g.wire) / 2));
  }
}

TEST_CASE("vless: a name that is an address becomes that address", "[proxy][vless]") {
  CHECK(read_cut("0066ad4540b58c4ad29926ea63445a9b57 00 01 0050 02 09 3139322e302e322e31") ==
        "alice to tcp:192.0.2.1:80, 32 bytes");
}

TEST_CASE("vless: the longest request", "[proxy][vless]") {
  const destination far(network::tcp, std::string(255, 'a'), 65535);
  const byte_string wire = vless_request(id, far);
  CHECK(wire.size() == max_vless_request - 255);
  CHECK(every_cut(wire, read) == fmt::format("alice to {}, {} bytes", far, wire.size()));
  byte_string padded(wire.begin(), wire.begin() + 17);  // a seed of 252 bytes, which has no meaning
  padded = padded + from_hex("ff 12 fc01") + byte_string(252) + byte_string(wire.begin() + 18, wire.end());
  CHECK(padded.size() == max_vless_request);
  CHECK(every_cut(padded, read) == fmt::format("alice to {}, {} bytes", far, padded.size()));
}

TEST_CASE("vless: bytes 6 and 7 of the user are the client's own", "[proxy][vless]") {
  CHECK(read_cut("0066ad4540b58c ffff 9926ea63445a9b57000101bb01c0000201") ==
        "alice to tcp:192.0.2.1:443, 26 bytes");
}

TEST_CASE("vless: strangers are known as early as can be", "[proxy][vless]") {
  const byte_string good = from_hex(requests[0].wire);
  for (std::size_t at = 0; at < 17; ++at) {
    if (at == 7 || at == 8) continue;
    for (int bit = 0; bit < 8; ++bit) {
      byte_string wrong = good;
      wrong[at] ^= static_cast<std::byte>(1 << bit);
      CHECK(every_cut(wrong, read) == "stranger");
      CHECK(decided_at(wrong, read) == (at == 0 ? 1U : 17U));
    }
  }
  CHECK(every_cut(bytes_of("GET / HTTP/1.1\r\n"), read) == "stranger");
}

TEST_CASE("vless: requests that are not allowed", "[proxy][vless]") {
  const std::string user = "0066ad4540b58c4ad29926ea63445a9b57";
  const std::string flow = "alice is refused: The client uses a VLESS flow, which its user does not have.";
  CHECK(read_cut(user + "120a1078746c732d727072782d766973696f6e0101bb020c6578616d706c652e74657374") == flow);
  CHECK(read_cut(user + "03 0a0178 01 0050 01 c0000201") == flow);
  CHECK(read_cut(user + "02 0a00 01 0050 01 c0000201") == "alice to tcp:192.0.2.1:80, 28 bytes");
  CHECK(read_cut(user + "02 0a05 01 0050 01 c0000201") ==
        "alice is refused: The add-ons of the VLESS request are broken.");
  CHECK(read_cut(user + "0004") ==
        "alice is refused: The client asks for a reverse proxy over VLESS, which muxpro does not have.");
  for (const char* command : {"0000", "0005", "00ff"})
    CHECK(read_cut(user + command) == "alice is refused: The VLESS command is unknown.");
  for (const char* target : {"0050 00", "0050 04", "0050 02 00", "0050 02 02 612f", "0000 01 c0000201"})
    CHECK(read_cut(user + "0001" + target) == "alice is refused: The VLESS request has no valid target.");
}

TEST_CASE("vless: a main connection of Mux.Cool has a command and no address", "[proxy][vless][mux_cool]") {
  const std::string user = "0066ad4540b58c4ad29926ea63445a9b57";
  CHECK(read_cut(user + "0003") == "alice to tcp:v1.mux.cool:9527, 19 bytes");
  CHECK(read_cut(user + "0001 2537 02 0b 76312e4d75782e636f6f6c") ==
        "alice to tcp:v1.Mux.cool:9527, 34 bytes");
  const std::vector<std::byte> asks = vless_request(uuid{}, main_connection_target(dialect::mux_cool));
  CHECK(hex(asks) == "00000000000000000000000000000000000003");
  // With the flow xtls-rprx-vision it is the flow's, too: sing-box refuses it otherwise.
  const auto by_vision = vless_request(uuid{}, main_connection_target(dialect::mux_cool), true);
  CHECK(hex(by_vision) == "0000000000000000000000000000000000120a1078746c732d727072782d766973696f6e03");
}

TEST_CASE("vless: a wrong byte behind the user never changes the user", "[proxy][vless]") {
  const byte_string good = from_hex(requests[1].wire);
  for (std::size_t at = 17; at < good.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      byte_string wrong = good;
      wrong[at] = static_cast<std::byte>(value);
      const request_head r = read(wrong);
      CHECK(r.what != request_head::status::stranger);
      if (r.what == request_head::status::request) CHECK(r.target.host.valid());
      if (at == 19) CHECK(every_cut(wrong, read).find("BUT") == std::string::npos);
    }
}

std::string read_response(std::string_view in) {
  std::error_code ec;
  const std::size_t n = read_vless_response(from_hex(in), ec);
  return ec ? ec.message() : std::to_string(n);
}

TEST_CASE("vless: the head of a response", "[proxy][vless]") {
  CHECK(hex(vless_response) == "0000");
  CHECK(read_response("") == "0");
  CHECK(read_response("00") == "0");
  CHECK(read_response("0000") == "2");
  CHECK(read_response("000068") == "2");
  CHECK(read_response("000212") == "0");
  CHECK(read_response("00021200") == "4");
  CHECK(read_response("01") == make_error_code(muxpro::errc::bad_answer).message());
  CHECK(read_response("4854") == make_error_code(muxpro::errc::bad_answer).message());
}

}  // namespace
}  // namespace vless_test
