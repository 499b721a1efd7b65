// The heads of VMess requests: golden bytes, every cut, every wrong byte.
#include "catch.hpp"
#include "golden.hpp"
#include "head_transcript.hpp"

#include "proxy/vmess/request.hpp"

#include <algorithm>

namespace vmess_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::destination;
using muxpro::network;
using muxpro::testing::from_hex;

template <std::size_t N>
std::array<std::byte, N> block(const char* hex) {
  std::array<std::byte, N> out{};
  const byte_string all = from_hex(hex);
  std::copy(all.begin(), all.end(), out.begin());
  return out;
}

const vmess_user user{block<16>(vmess_golden::user)};
const destination golden_target{network::tcp, vmess_golden::host, vmess_golden::port};

vmess_body body_of(std::uint8_t security, std::uint8_t options) {
  vmess_body b;
  b.iv = block<16>(vmess_golden::body_iv);
  b.key = block<16>(vmess_golden::body_key);
  b.answer = vmess_golden::answer;
  b.security = static_cast<vmess_security>(security);
  b.options = options;
  return b;
}

vmess_random golden_random() {
  vmess_random r;
  r.auth_id = vmess_golden::auth_id_random;
  r.nonce = block<8>(vmess_golden::nonce);
  r.padding = from_hex(vmess_golden::head_padding);
  return r;
}

byte_string seal(const vmess_body& b, const destination& target) {
  return seal_vmess_request(user, vmess_golden::time, b, target, golden_random());
}

request_head read(const_bytes in) { return read_vmess_request(in, user).head; }

TEST_CASE("vmess: golden requests", "[proxy][vmess]") {
  for (const vmess_golden::connection& g : vmess_golden::all()) {
    const vmess_body b = body_of(g.security, g.options);
    const byte_string wire = from_hex(g.request_head);
    CHECK(hex(seal(b, golden_target)) == g.request_head);
    CHECK(every_cut(wire, read) == fmt::format(" to {}, {} bytes", golden_target, wire.size()));
    const vmess_body read_back = read_vmess_request(wire, user).body;
    CHECK(read_back.iv == b.iv);
    CHECK(read_back.key == b.key);
    CHECK(read_back.answer == b.answer);
    CHECK(read_back.options == b.options);
    CHECK(read_back.security == b.security);
    CHECK_FALSE(read_back.datagrams);
  }
}

TEST_CASE("vmess: every kind of target", "[proxy][vmess]") {
  const std::string longest(255, 'a');
  for (const destination& target :
       {destination(network::tcp, "192.0.2.1", 443), destination(network::tcp, "2001:db8::1", 1),
        destination(network::udp, "192.0.2.1", 53), destination(network::tcp, longest, 65535)}) {
    vmess_body b = body_of(3, 0x0d);
    b.datagrams = target.net == network::udp;
    const byte_string wire = seal(b, target);
    CHECK(wire.size() <= max_vmess_request);
    CHECK(every_cut(wire, read) == fmt::format(" to {}, {} bytes", target, wire.size()));
    CHECK(read_vmess_request(wire, user).body.datagrams == b.datagrams);
  }
}

TEST_CASE("vmess: a change anywhere makes a stranger", "[proxy][vmess]") {
  const byte_string wire = seal(body_of(3, 0x0d), golden_target);
  for (std::size_t i = 0; i < wire.size(); ++i) {
    byte_string changed = wire;
    changed[i] ^= std::byte{0x10};
    CHECK(describe(read(changed)) == describe(request_head::of_stranger()));
  }
  CHECK(describe(read_vmess_request(wire, vmess_user(*parse_uuid("other"))).head) ==
        describe(request_head::of_stranger()));
}

TEST_CASE("vmess: what muxpro does not have is refused with the reason", "[proxy][vmess]") {
  const auto reason = [](const vmess_body& b, const destination& target) {
    const request_head head = read(seal(b, target));
    CHECK(head.what == request_head::status::refused);
    return std::string(head.reason);
  };
  for (const int security : {0, 1, 2, 6, 15})
    CHECK(reason(body_of(static_cast<std::uint8_t>(security), 1), golden_target) ==
          "The client uses a VMess security that muxpro does not have.");
  CHECK(reason(body_of(3, 0x09), golden_target) ==
        "The client pads its chunks without masking their lengths.");
  vmess_body b = body_of(5, 0);
  b.datagrams = true;
  CHECK(reason(b, {network::udp, "192.0.2.1", 53}) ==
        "The client's datagrams are neither encrypted nor in chunks.");
  CHECK(reason(body_of(3, 5), {network::tcp, "192.0.2.1", 0}) ==
        "The VMess request has no valid target, or an unknown command.");
}

}  // namespace
}  // namespace vmess_test
