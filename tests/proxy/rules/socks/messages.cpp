// Replies and datagrams of SOCKS: golden bytes and round trips.
#include "catch.hpp"
#include "socks_transcript.hpp"

#include "proxy/policy/dial_outcome.hpp"

#include <muxpro/error.hpp>

#include <asio/error.hpp>

#include <random>

namespace socks_test {
namespace {

using namespace muxpro::proxy;
using muxpro::end_code;
using muxpro::errc;
using muxpro::host_port;
using muxpro::testing::from_hex;

std::string reply_of(socks_version v, std::error_code ec, const host_port& bound = {}) {
  return hex(socks_reply(v, ec, bound));
}

std::string header_of(const host_port& where) {
  byte_string out(max_socks_datagram_header);
  out.resize(write_socks_datagram_header(where, out));
  return hex(out);
}

TEST_CASE("outcomes of a dial", "[proxy][socks]") {
  const std::pair<std::error_code, dial_outcome> all[] = {
      {{}, dial_outcome::connected},
      {end_code::rejected, dial_outcome::rejected},
      {end_code::unreachable, dial_outcome::host_unreachable},
      {end_code::timeout, dial_outcome::timed_out},
      {end_code::remote_disconnect, dial_outcome::refused},
      {end_code::resources, dial_outcome::failed},
      {end_code::protocol_error, dial_outcome::failed},
      {static_cast<end_code>(77), dial_outcome::failed},
      {errc::stream_timeout, dial_outcome::timed_out},
      {errc::negotiate_timeout, dial_outcome::timed_out},
      {errc::stalled, dial_outcome::timed_out},
      {errc::bad_host, dial_outcome::host_unreachable},
      {errc::pool_exhausted, dial_outcome::failed},
      {asio::error::connection_refused, dial_outcome::refused},
      {asio::error::connection_reset, dial_outcome::refused},
      {asio::error::network_unreachable, dial_outcome::network_unreachable},
      {asio::error::network_down, dial_outcome::network_unreachable},
      {asio::error::host_unreachable, dial_outcome::host_unreachable},
      {asio::error::host_not_found, dial_outcome::host_unreachable},
      {asio::error::host_not_found_try_again, dial_outcome::host_unreachable},
      {asio::error::no_data, dial_outcome::host_unreachable},
      {asio::error::timed_out, dial_outcome::timed_out},
      {asio::error::access_denied, dial_outcome::rejected},
      {asio::error::no_permission, dial_outcome::rejected},
      {asio::error::address_family_not_supported, dial_outcome::wrong_family},
      {asio::error::operation_aborted, dial_outcome::failed},
      {asio::error::eof, dial_outcome::failed},
      {asio::error::no_descriptors, dial_outcome::failed},
      {std::make_error_code(std::errc::connection_refused), dial_outcome::refused},
  };
  for (const auto& [ec, expected] : all) {
    INFO(ec.message());
    CHECK(outcome_of(ec) == expected);
  }
}

TEST_CASE("socks 5: replies", "[proxy][socks]") {
  constexpr auto v5 = socks_version::v5;
  CHECK(reply_of(v5, {}) == "05000001000000000000");
  CHECK(reply_of(v5, {}, {"192.0.2.7", 4711}) == "05000001c00002071267");
  CHECK(reply_of(v5, {}, {"2001:db8::1", 80}) == "0500000420010db80000000000000000000000010050");
  CHECK(reply_of(v5, {}, {"a.b", 80}) == "0500000303612e620050");
  CHECK(reply_of(v5, {}, {"not a name", 80}) == "05000001000000000000");
  const std::pair<std::error_code, const char*> failures[] = {
      {end_code::rejected, "02"},
      {asio::error::network_unreachable, "03"},
      {end_code::unreachable, "04"},
      {asio::error::host_not_found, "04"},
      {asio::error::connection_refused, "05"},
      {end_code::timeout, "06"},
      {asio::error::timed_out, "06"},
      {asio::error::address_family_not_supported, "08"},
      {end_code::resources, "01"},
      {errc::session_closed, "01"},
      {asio::error::operation_aborted, "01"},
  };
  for (const auto& [ec, code] : failures)
    CHECK(reply_of(v5, ec, {"192.0.2.7", 1}) == fmt::format("05{}0001000000000000", code));
}

TEST_CASE("socks 4: replies", "[proxy][socks]") {
  constexpr auto v4 = socks_version::v4;
  CHECK(reply_of(v4, {}) == "005a000000000000");
  CHECK(reply_of(v4, {}, {"192.0.2.7", 4711}) == "005a1267c0000207");
  CHECK(reply_of(v4, {}, {"2001:db8::1", 80}) == "005a000000000000");
  CHECK(reply_of(v4, {}, {"a.b", 80}) == "005a000000000000");
  CHECK(reply_of(v4, end_code::rejected, {"192.0.2.7", 1}) == "005b000000000000");
  CHECK(reply_of(v4, asio::error::timed_out) == "005b000000000000");
}

TEST_CASE("socks 5: golden datagrams", "[proxy][socks]") {
  const std::pair<const char*, host_port> all[] = {
      {"000000 01 c0000201 0035", {"192.0.2.1", 53}},
      {"000000 04 20010db8000000000000000000000001 01bb", {"2001:db8::1", 443}},
      {"000000 03 0b 6578616d706c652e636f6d 0035", {"example.com", 53}},
  };
  for (const auto& [header, where] : all) {
    CHECK(header_of(where) == hex(from_hex(header)));
    for (const char* payload : {"", "00", "cafe0000"}) {
      const byte_string packet = from_hex(header) + from_hex(payload);
      const auto d = read_socks_datagram(packet);
      REQUIRE(d);
      CHECK(d->where == where);
      CHECK(hex(d->payload) == payload);
    }
    const byte_string whole = from_hex(header);
    for (std::size_t n = 0; n < whole.size(); ++n)
      CHECK_FALSE(read_socks_datagram(const_bytes(whole).first(n)));
  }
}

TEST_CASE("socks 5: datagrams that are dropped", "[proxy][socks]") {
  for (const char* packet : {"", "000000", "000001 01 c0000201 0035 61", "000080 01 c0000201 0035 61",
                             "0000ff 01 c0000201 0035", "000000 00 c0000201 0035", "000000 02 c0000201 0035",
                             "000000 05 c0000201 0035", "000000 01 c0000201 0000 61", "000000 03 00 0035 61",
                             "000000 03 03 612062 0035", "000000 03 ff 6161 0035"})
    CHECK_FALSE(read_socks_datagram(from_hex(packet)));
  CHECK(read_socks_datagram(from_hex("ffff00 01 c0000201 0035 61")));
  const auto literal = read_socks_datagram(from_hex("000000 03 09 3132372e302e302e31 0035"));
  REQUIRE(literal);
  CHECK(literal->where == host_port{"127.0.0.1", 53});
}

TEST_CASE("socks 5: random datagrams come back", "[proxy][socks]") {
  std::mt19937_64 rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::array<std::uint8_t, 16> ip{};
    for (auto& o : ip) o = static_cast<std::uint8_t>(rng());
    const muxpro::address hosts[] = {muxpro::address::v4({ip[0], ip[1], ip[2], ip[3]}),
                                     muxpro::address::v6(ip), std::string(1 + rng() % 255, 'n')};
    const host_port where{hosts[rng() % 3], static_cast<std::uint16_t>(1 + rng() % 65535)};
    byte_string packet(max_socks_datagram_header);
    packet.resize(write_socks_datagram_header(where, packet));
    const std::size_t header = packet.size();
    packet.resize(header + rng() % 50, std::byte{7});
    const auto d = read_socks_datagram(packet);
    REQUIRE(d);
    REQUIRE(d->where == where);
    REQUIRE(d->payload.data() == packet.data() + header);
    REQUIRE(d->payload.size() == packet.size() - header);
  }
  CHECK(header_of({std::string(255, 'n'), 1}).size() == 2 * max_socks_datagram_header);
}

}  // namespace
}  // namespace socks_test
