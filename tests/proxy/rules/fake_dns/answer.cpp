// DNS messages to and from FakeDNS, byte by byte.
#include "catch.hpp"

#include "message.hpp"

#include "proxy/fake_dns/fake_dns.hpp"

#include <muxpro/testing/hex.hpp>

#include <random>
#include <string>
#include <vector>

namespace {

using namespace rules_test;
using muxpro::proxy::fake_dns;
using muxpro::testing::from_hex;
using muxpro::testing::to_hex;

constexpr int type_a = 1, type_aaaa = 28, type_ptr = 12, type_https = 65;

message dns_name(const std::vector<std::string>& labels) {
  message m;
  for (const std::string& l : labels) m.counted(1, message().text(l));
  return m.number(0, 1);
}

const message example = dns_name({"Example", "com"});
const message opt = message().number(0, 1).number(41, 2).number(1232, 2).number(0, 4).number(0, 2);

struct query {
  std::uint16_t flags = 0x0100;
  std::uint16_t questions = 1, answers = 0, authorities = 0, additional = 0;
  message name = example;
  int type = type_a, net = 1;
  message behind;

  byte_string bytes() const {
    message m;
    m.number(0xbeef, 2).number(flags, 2).number(questions, 2).number(answers, 2).number(authorities, 2);
    m.number(additional, 2).raw(name.bytes()).number(static_cast<std::uint16_t>(type), 2);
    return m.number(static_cast<std::uint16_t>(net), 2).raw(behind.bytes());
  }
  static query with_opt(message record = opt) {
    query q;
    q.additional = 1;
    q.behind = std::move(record);
    return q;
  }
};

std::string answer_to(const byte_string& q) {
  fake_dns dns;
  const byte_string a = dns.answer(q);
  CHECK(a.size() <= muxpro::proxy::max_dns_answer);
  return to_hex(a);
}
std::string answer_to(const query& q) { return answer_to(q.bytes()); }

std::string hex(const char* grouped) { return to_hex(from_hex(grouped)); }

const std::string format_error = hex("beef 8181 0000 0000 0000 0000");

/// Everything but the question's name, which is Example.com.
std::string with_question(const std::string& header, const std::string& behind) {
  return hex((header + "07 4578616d706c65 03 636f6d 00" + behind).c_str());
}

}  // namespace

TEST_CASE("dns answer: A and AAAA from the pools", "[proxy][fake_dns]") {
  CHECK(answer_to(query()) ==
        with_question("beef 8180 0001 0001 0000 0000", "0001 0001  c00c 0001 0001 00000001 0004 c6120001"));
  query q;
  q.type = type_aaaa;
  CHECK(answer_to(q) ==
        with_question("beef 8180 0001 0001 0000 0000",
                      "001c 0001  c00c 001c 0001 00000001 0010 fc000000000000000000000000000001"));
}

TEST_CASE("dns answer: other types and missing pools are empty", "[proxy][fake_dns]") {
  query q;
  q.type = type_https;
  CHECK(answer_to(q) == with_question("beef 8180 0001 0000 0000 0000", "0041 0001"));
  q.name = dns_name({"1", "0", "18", "198", "in-addr", "arpa"});
  q.type = type_ptr;
  CHECK(answer_to(q).substr(0, 15) == hex("beef 8180 0001 0000").substr(0, 15));
  muxpro::proxy::fake_dns_options o;
  o.v6.clear();
  fake_dns only_v4(o);
  q = {};
  q.type = type_aaaa;
  CHECK(to_hex(only_v4.answer(q.bytes())) == with_question("beef 8180 0001 0000 0000 0000", "001c 0001"));
}

TEST_CASE("dns answer: the time to live is what was asked for", "[proxy][fake_dns]") {
  muxpro::proxy::fake_dns_options o;
  o.ttl = std::chrono::seconds(86400);
  fake_dns dns(o);
  CHECK(to_hex(dns.answer(query().bytes())) ==
        with_question("beef 8180 0001 0001 0000 0000", "0001 0001  c00c 0001 0001 00015180 0004 c6120001"));
}

TEST_CASE("dns answer: EDNS is answered with EDNS", "[proxy][fake_dns]") {
  CHECK(answer_to(query::with_opt()) ==
        with_question("beef 8180 0001 0001 0000 0001",
                      "0001 0001  c00c 0001 0001 00000001 0004 c6120001  00 0029 0200 00000000 0000"));
  // Options are passed over.
  const message cookie =
      message().number(0, 1).number(41, 2).number(512, 2).number(0, 4).counted(2, message().fill(12, 7));
  CHECK(answer_to(query::with_opt(cookie)) == answer_to(query::with_opt()));
  // Version 1 does not exist: BADVERS.
  const message v1 = message().number(0, 1).number(41, 2).number(512, 2).number(0x00010000, 4).number(0, 2);
  CHECK(answer_to(query::with_opt(v1)) ==
        with_question("beef 8180 0001 0000 0000 0001", "0001 0001  00 0029 0200 01000000 0000"));
}

TEST_CASE("dns answer: the bits of the query that belong into the answer", "[proxy][fake_dns]") {
  query q;
  q.flags = 0x0030;  // AD and CD; no recursion
  CHECK(answer_to(q).substr(5, 4) == "8090");
}

TEST_CASE("dns answer: what may not be answered", "[proxy][fake_dns]") {
  const byte_string whole = query().bytes();
  for (std::size_t n = 0; n < 12; ++n)
    CHECK(answer_to(byte_string(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))).empty());
  query response;  // two servers must not talk to each other (L4)
  response.flags = 0x8180;
  CHECK(answer_to(response).empty());
}

TEST_CASE("dns answer: FORMERR to what is malformed", "[proxy][fake_dns]") {
  const byte_string whole = query().bytes();
  for (std::size_t n = 12; n < whole.size(); ++n)
    CHECK(answer_to(byte_string(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))) ==
          format_error);
  const auto changed = [](auto change) {
    query q;
    change(q);
    return answer_to(q);
  };
  CHECK(changed([](query& q) { q.questions = 0; }) == format_error);
  CHECK(changed([](query& q) { q.questions = 2; }) == format_error);
  CHECK(changed([](query& q) { q.answers = 1; }) == format_error);
  CHECK(changed([](query& q) { q.authorities = 0xffff; }) == format_error);
  CHECK(changed([](query& q) { q.additional = 2; }) == format_error);
  CHECK(changed([](query& q) { q.additional = 1; }) == format_error);
  CHECK(changed([](query& q) { q.behind = message().fill(1); }) == format_error);
  CHECK(changed([](query& q) { q.flags = 0x0300; }) == hex("beef 8181 0000 0000 0000 0000"));  // truncated
  CHECK(changed([](query& q) { q.name = message().number(0xc00c, 2); }) == format_error);  // points to itself
  CHECK(changed([](query& q) { q.name = message().number(64, 1).fill(64, 'a').number(0, 1); }) ==
        format_error);
  CHECK(changed([](query& q) { q.name = message().number(63, 1).fill(10, 'a'); }) == format_error);
  const std::string label(63, 'a');
  CHECK(changed([&](query& q) {
          q.name = dns_name({label, label, label, std::string(62, 'a')});
        }) == format_error);
  // Records that are no OPT, and more than one.
  CHECK(answer_to(query::with_opt(
            message().number(0, 1).number(250, 2).number(255, 2).number(0, 4).number(0, 2))) == format_error);
  CHECK(answer_to(query::with_opt(message().raw(opt.bytes()).raw(opt.bytes()))) == format_error);
  CHECK(answer_to(query::with_opt(
            message().number(0, 1).number(41, 2).number(512, 2).number(0, 4).number(9, 2))) == format_error);
}

TEST_CASE("dns answer: the longest name fits with EDNS", "[proxy][fake_dns]") {
  const std::string label(63, 'a');
  query q = query::with_opt();
  q.name = dns_name({label, label, label, std::string(61, 'b')});
  q.type = type_aaaa;
  fake_dns dns;
  CHECK(dns.answer(q.bytes()).size() == 12 + 255 + 4 + 28 + 11);
}

TEST_CASE("dns answer: refusals", "[proxy][fake_dns]") {
  query q;
  q.net = 3;  // CHAOS
  CHECK(answer_to(q) == with_question("beef 8185 0001 0000 0000 0000", "0001 0003"));
  for (const auto& labels : std::vector<std::vector<std::string>>{
           {}, {"a b"}, {"a.b", "c"}, {"192", "0", "2", "1"}, {"127", "1"}, {"\x01"}}) {
    q = {};
    q.name = dns_name(labels);
    CHECK(answer_to(q).substr(5, 4) == "8185");
  }
  for (const unsigned opcode : {1u, 2u, 4u, 5u, 15u}) {
    q = {};
    q.flags = static_cast<std::uint16_t>(0x0100 | opcode << 11);
    CHECK(answer_to(q) ==
          hex(("beef" + to_hex(message().number(0x8184u | opcode << 11, 2).bytes()) + "0000 0000 0000 0000")
                  .c_str()));
  }
}

TEST_CASE("dns answer: any bytes are answered within the limit", "[proxy][fake_dns][property]") {
  std::mt19937 random(8);
  fake_dns dns;
  for (int i = 0; i < 20000; ++i) {
    byte_string q = query::with_opt().bytes();
    for (std::size_t n = random() % 6; n > 0; --n) q[random() % q.size()] = static_cast<std::byte>(random());
    q.resize(random() % 8 ? q.size() : random() % (q.size() + 1));
    const byte_string a = dns.answer(q);
    REQUIRE(a.size() <= muxpro::proxy::max_dns_answer);
    if (a.empty()) continue;
    REQUIRE(a.size() >= 12);
    REQUIRE(a[0] == q[0]);
    REQUIRE((a[2] & std::byte{0x80}) != std::byte{0});
  }
}
