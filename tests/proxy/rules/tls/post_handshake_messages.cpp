// post_handshake_messages: tickets are skipped, keys change, and anything else behind a handshake is a
// mistake.
#include "catch.hpp"

#include "proxy/tls/post_handshake_messages.hpp"

#include <muxpro/testing/hex.hpp>

#include <algorithm>
#include <vector>

namespace post_handshake_messages_test {

using namespace muxpro;
using namespace muxpro::proxy;
using testing::from_hex;
using event = post_handshake_messages::event;
using byte_string = std::vector<std::byte>;

byte_string message(unsigned type, std::size_t size) {
  byte_string out(4 + size);
  out[0] = static_cast<std::byte>(type);
  out[1] = static_cast<std::byte>(size >> 16);
  out[2] = static_cast<std::byte>(size >> 8);
  out[3] = static_cast<std::byte>(size);
  return out;
}

byte_string joined(byte_string a, const byte_string& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_CASE("late messages: tickets of a server are skipped, in any cuts", "[proxy][tls]") {
  const byte_string tickets = joined(joined(message(4, 200), message(4, 0)), message(4, 70'000));
  for (const std::size_t part : {1U, 2U, 3U, 5U, 203U, 204U, 205U, 16384U, 100'000U}) {
    post_handshake_messages m(true);
    for (std::size_t at = 0; at < tickets.size(); at += part)
      REQUIRE(m.take(const_bytes(tickets).subspan(at, std::min(part, tickets.size() - at))) ==
              event::nothing);
    CHECK_FALSE(m.are_cut());
    CHECK(m.take(from_hex("18000001 00")) == event::new_keys);
  }
}

TEST_CASE("late messages: a cut message is known as such", "[proxy][tls]") {
  for (const std::size_t cut : {1U, 3U, 4U, 5U, 103U}) {
    post_handshake_messages m(true);
    const byte_string ticket = message(4, 100);
    CHECK(m.take(const_bytes(ticket).first(cut)) == event::nothing);
    CHECK(m.are_cut());
    CHECK(m.take(const_bytes(ticket).subspan(cut)) == event::nothing);
    CHECK_FALSE(m.are_cut());
  }
}

TEST_CASE("late messages: new keys, wanted or not, also in two records", "[proxy][tls]") {
  for (const bool of_server : {false, true}) {
    post_handshake_messages m(of_server);
    CHECK(m.take(from_hex("18000001 00")) == event::new_keys);
    CHECK(m.take(from_hex("18000001 01")) == event::new_keys_wanted);
    CHECK(m.take(from_hex("180000")) == event::nothing);
    CHECK(m.take(from_hex("01")) == event::nothing);
    CHECK(m.are_cut());
    CHECK(m.take(from_hex("01")) == event::new_keys_wanted);
    CHECK_FALSE(m.are_cut());
  }
  post_handshake_messages behind_ticket(true);
  CHECK(behind_ticket.take(joined(message(4, 10), from_hex("18000001 01"))) == event::new_keys_wanted);
}

TEST_CASE("late messages: mistakes", "[proxy][tls]") {
  const auto of_server = [](const byte_string& text) { return post_handshake_messages(true).take(text); };
  CHECK(of_server({}) == event::mistake);
  CHECK(of_server(from_hex("18000001 02")) == event::bad_value);
  CHECK(of_server(from_hex("18000000")) == event::mistake);
  CHECK(of_server(from_hex("18000002 0000")) == event::mistake);
  // What follows new keys in the same record would have the old ones.
  CHECK(of_server(from_hex("18000001 00 04")) == event::mistake);
  for (const unsigned type : {0U, 1U, 2U, 5U, 8U, 11U, 13U, 15U, 20U, 254U})
    CHECK(of_server(message(type, 10)) == event::mistake);
  CHECK(of_server(message(4, 131'340)) == event::mistake);
  CHECK(post_handshake_messages(false).take(message(4, 100)) == event::mistake);
}

}  // namespace post_handshake_messages_test
