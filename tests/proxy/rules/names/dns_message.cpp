// Queries to DNS servers and their replies, byte by byte; what an exchange makes of them.
#include "catch.hpp"
#include "message.hpp"

#include "proxy/names/dns_exchange.hpp"

#include <muxpro/testing/hex.hpp>

#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

namespace dns_messages {

using namespace rules_test;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::make_address;
using muxpro::testing::from_hex;
using muxpro::testing::to_hex;
using kind = name_answer::kind;
using outcome = dns_exchange::outcome;

dns_question about(dns_type type = dns_type::a, std::uint16_t id = 0xbeef) {
  dns_question q;
  q.name = "a.example";
  q.type = type;
  q.id = id;
  return q;
}

std::string written(const dns_question& q) { return to_hex(write_dns_question(q)); }
std::string hex(const char* grouped) { return to_hex(from_hex(grouped)); }

/// Of a.example, with `counts` for questions, answers, authorities and additional records.
byte_string reply(const char* head, const std::string& records, const char* type = "0001") {
  return from_hex((std::string(head) + "01 61 07 6578616d706c65 00" + type + "0001" + records).c_str());
}
const char* const one_answer = "beef 8180 0001 0001 0000 0000";
const char* const two_answers = "beef 8180 0001 0002 0000 0000";
const std::string address_record = "c00c 0001 0001 0000003c 0004 c0000201";

TEST_CASE("dns question: the bytes", "[proxy][names]") {
  dns_question q = about();
  q.edns = false;
  CHECK(written(q) == hex("beef 0100 0001 0000 0000 0000 01 61 07 6578616d706c65 00 0001 0001"));
  q = about(dns_type::aaaa, 0);
  CHECK(written(q) == hex("0000 0100 0001 0000 0000 0001 01 61 07 6578616d706c65 00 001c 0001"
                          "00 0029 04d0 00000000 0000"));
}

TEST_CASE("dns question: the network of a client, and nothing else of it", "[proxy][names]") {
  dns_question q = about();
  q.client = make_address("192.0.2.77");
  const std::string head =
      "beef 0100 0001 0000 0000 0001 01 61 07 6578616d706c65 00 0001 0001 00 0029 04d0 00000000";
  CHECK(written(q) == hex((head + "000b 0008 0007 0001 18 00 c00002").c_str()));
  q.client = make_address("2001:db8:1:2ff::1");
  CHECK(written(q) == hex((head + "000f 0008 000b 0002 38 00 20010db8000102").c_str()));
}

TEST_CASE("dns question: padded queries have sizes of whole blocks", "[proxy][names]") {
  for (const char* name : {"a", "a.example", "a.rather.long.name.of.several.labels.example"})
    for (const bool with_client : {false, true}) {
      dns_question q = about();
      q.name = name;
      q.block = 128;
      if (with_client) q.client = make_address("192.0.2.1");
      CHECK(write_dns_question(q).size() == 128);
    }
}

TEST_CASE("dns reply: addresses, and the shortest time of all records", "[proxy][names]") {
  const auto got = read_dns_reply(reply(one_answer, address_record), about());
  REQUIRE(got);
  CHECK(got->code == 0);
  CHECK_FALSE(got->truncated);
  CHECK(got->addresses == std::vector{make_address("192.0.2.1")});
  CHECK(got->ttl == 60s);
  // A name that is another one: c.example, 30 s.
  const auto other = read_dns_reply(reply(two_answers,
                                          "c00c 0005 0001 0000001e 0004 0163 c00e"
                                          "c027 0001 0001 0000003c 0004 c0000202"),
                                    about());
  REQUIRE(other);
  CHECK(other->addresses == std::vector{make_address("192.0.2.2")});
  CHECK(other->ttl == 30s);
}

TEST_CASE("dns reply: addresses of IPv6, and letters of the server's choice", "[proxy][names]") {
  const byte_string m = from_hex(
      "beef 8180 0001 0001 0000 0000 01 41 07 4558414d504c45 00 001c 0001"
      "c00c 001c 0001 00000001 0010 20010db8000000000000000000000001");
  const auto got = read_dns_reply(m, about(dns_type::aaaa));
  REQUIRE(got);
  CHECK(got->addresses == std::vector{make_address("2001:db8::1")});
}

TEST_CASE("dns reply: codes, and answers without records", "[proxy][names]") {
  CHECK(read_dns_reply(reply("beef 8183 0001 0000 0000 0000", ""), about())->code == 3);
  const auto none = read_dns_reply(reply("beef 8180 0001 0000 0000 0000", ""), about());
  REQUIRE(none);
  CHECK(none->addresses.empty());
  CHECK(none->ttl == 0s);
  // A server that does not read OPT.
  CHECK(read_dns_reply(from_hex("beef 8181 0000 0000 0000 0000"), about())->code == 1);
  CHECK_FALSE(read_dns_reply(from_hex("beef 8182 0000 0000 0000 0000"), about()));
}

TEST_CASE("dns reply: what is no reply to the question", "[proxy][names]") {
  const byte_string good = reply(one_answer, address_record);
  REQUIRE(read_dns_reply(good, about()));
  CHECK_FALSE(read_dns_reply(good, about(dns_type::a, 0xbeee)));
  CHECK_FALSE(read_dns_reply(good, about(dns_type::aaaa)));
  dns_question other = about();
  for (const char* name : {"b.example", "a.example.x", "a.exampl", "example", "aa.example"}) {
    other.name = name;
    CHECK_FALSE(read_dns_reply(good, other));
  }
  CHECK_FALSE(read_dns_reply(reply("beef 0100 0001 0001 0000 0000", address_record), about()));  // a query
  CHECK_FALSE(
      read_dns_reply(reply("beef 8980 0001 0001 0000 0000", address_record), about()));  // of opcode 1
  CHECK_FALSE(read_dns_reply(reply("beef 8180 0002 0001 0000 0000", address_record), about()));
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_FALSE(read_dns_reply(muxpro::const_bytes(good).first(n), about()));
  // An address of three octets.
  CHECK_FALSE(read_dns_reply(reply(one_answer, "c00c 0001 0001 0000003c 0003 c00002"), about()));
  // A label of 64 octets' length that would be an old kind of label.
  CHECK_FALSE(read_dns_reply(reply(one_answer, "40" + address_record), about()));
}

TEST_CASE("dns reply: a truncated one has what is whole", "[proxy][names]") {
  const auto got =
      read_dns_reply(reply("beef 8380 0001 0002 0000 0000", address_record + "c00c 0001"), about());
  REQUIRE(got);
  CHECK(got->truncated);
  CHECK(got->addresses.size() == 1);
}

TEST_CASE("dns reply: a server of thousands of addresses gives sixteen", "[proxy][names]") {
  std::string records;
  for (int i = 0; i < 100; ++i) records += "c00c 0001 0001 0000003c 0004 c00002" + fmt::format("{:02x}", i);
  const auto got = read_dns_reply(reply("beef 8180 0001 0064 0000 0000", records), about());
  REQUIRE(got);
  CHECK(got->addresses.size() == 16);
}

TEST_CASE("dns exchange: both families make the answer", "[proxy][names]") {
  dns_exchange e({about(dns_type::a, 1), about(dns_type::aaaa, 2)});
  CHECK(e.open().size() == 2);
  CHECK(e.answer().what == kind::failed);
  CHECK(e.take(reply("0001 8180 0001 0001 0000 0000", address_record), true) == outcome::taken);
  CHECK(e.open().size() == 1);
  CHECK_FALSE(e.done());
  CHECK(e.answer().what == kind::found);
  CHECK(e.take(reply("0001 8180 0001 0001 0000 0000", address_record), true) == outcome::not_mine);
  CHECK(e.take(reply("0002 8180 0001 0000 0000 0000", "", "001c"), true) == outcome::taken);
  CHECK(e.done());
  CHECK(e.answer().addresses == std::vector{make_address("192.0.2.1")});
  CHECK(e.ttl() == 60s);
}

TEST_CASE("dns exchange: no name, no address, no answer", "[proxy][names]") {
  const auto after = [](const char* first, const char* second) {
    dns_exchange e({about(dns_type::a, 1), about(dns_type::aaaa, 2)});
    if (*first) e.take(reply((std::string("0001 ") + first + "0001 0000 0000 0000").c_str(), ""), true);
    if (*second)
      e.take(reply((std::string("0002 ") + second + "0001 0000 0000 0000").c_str(), "", "001c"), true);
    return e.answer().what;
  };
  CHECK(after("8183", "8183") == kind::not_there);
  CHECK(after("8180", "8183") == kind::no_data);
  CHECK(after("8180", "8180") == kind::no_data);
  CHECK(after("8180", "") == kind::failed);
  CHECK(after("8182", "8180") == kind::failed);
  CHECK(after("8185", "8185") == kind::failed);
  CHECK(dns_exchange({}).done());
  CHECK(dns_exchange({}).answer().what == kind::no_data);
}

TEST_CASE("dns exchange: a truncated datagram is queried again over a stream", "[proxy][names]") {
  dns_exchange e({about()});
  const byte_string cut = reply("beef 8380 0001 0000 0000 0000", "");
  CHECK(e.take(cut, true) == outcome::taken);
  CHECK(e.done());
  CHECK(e.open().empty());
  CHECK(e.turn_to_stream());
  CHECK_FALSE(e.turn_to_stream());
  CHECK(e.open().size() == 1);
  CHECK(e.take(reply(one_answer, address_record), false) == outcome::taken);
  CHECK(e.answer().what == kind::found);
}

TEST_CASE("dns exchange: a server that refuses EDNS is queried without it, once", "[proxy][names]") {
  dns_exchange e({about()});
  const std::size_t with = e.open().front().size();
  CHECK(e.take(from_hex("beef 8181 0000 0000 0000 0000"), true) == outcome::refused);
  REQUIRE(e.open().size() == 1);
  CHECK(e.open().front().size() == with - 11);
  CHECK(e.take(from_hex("beef 8181 0000 0000 0000 0000"), true) == outcome::taken);
  CHECK(e.done());
  CHECK(e.answer().what == kind::failed);
}

TEST_CASE("dns reply: whatever a server sends is read to its end", "[proxy][names]") {
  std::mt19937 random(7);
  const byte_string good = reply(two_answers, address_record + address_record);
  for (int i = 0; i < 20'000; ++i) {
    byte_string m = good;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes)
      m[random() % m.size()] = static_cast<std::byte>(random());
    if (const auto got = read_dns_reply(m, about())) CHECK(got->addresses.size() <= 2);
  }
}

}  // namespace dns_messages
