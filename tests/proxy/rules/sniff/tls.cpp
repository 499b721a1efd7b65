// The server name in a ClientHello, however it is cut.
#include "catch.hpp"

#include "captures.hpp"
#include "client_hello.hpp"
#include "prefixes.hpp"

#include "proxy/sniff/tls.hpp"

#include <random>

namespace {

using namespace rules_test;
using muxpro::proxy::sniff_tls;

constexpr auto tls_whole = [](const_bytes b) { return sniff_tls(b); };
constexpr auto any_stream = [](const_bytes b) { return muxpro::proxy::sniff_stream(b); };

void check_name(const byte_string& bytes, const std::string& name) {
  const sniff_result r = sniff_tls(bytes);
  CHECK(r.status == sniff_status::found);
  CHECK(r.protocol == "tls");
  CHECK(r.domain == name);
}

void check_no_clue(const byte_string& bytes) {
  CHECK(sniff_tls(bytes).status == sniff_status::no_clue);
  CHECK(judge_prefixes(bytes, tls_whole) == "");
}

}  // namespace

TEST_CASE("tls: the server name is found, in whatever case it comes", "[proxy][sniff]") {
  check_name(records(hello().bytes()), "www.example.com");
  hello h;
  h.name = "WWW.Example.COM";
  check_name(records(h.bytes()), "www.example.com");
}

TEST_CASE("tls: a ClientHello may be cut at every byte (K1)", "[proxy][sniff]") {
  for (const std::size_t size : {600U, 1500U, 1800U, 4096U, 16384U})
    for (const bool name_last : {false, true}) {
      INFO(size << (name_last ? ", name last" : ", name first"));
      const byte_string bytes = records(hello::sized(size, name_last).bytes(), {16384});
      check_name(bytes, "www.example.com");
      CHECK(judge_prefixes(bytes, any_stream) == "");
    }
}

TEST_CASE("tls: the ClientHellos of clients in use, cut at every byte (K1)", "[proxy][sniff]") {
  for (const captured_hello& h : captured_hellos()) {
    INFO(h.client);
    check_name(h.bytes, h.name);
    CHECK(muxpro::proxy::sniff_stream(h.bytes) == sniff_tls(h.bytes));
    CHECK(judge_prefixes(h.bytes, any_stream) == "");
  }
}

TEST_CASE("tls: a browser's name lies behind the first segment (K1)", "[proxy][sniff]") {
  const byte_string& bytes = captured_hellos().back().bytes;
  for (const std::size_t segment : {536U, 1220U, 1400U, 1460U}) {
    REQUIRE(bytes.size() > segment);
    CHECK(any_stream(const_bytes(bytes).first(segment)).status == sniff_status::need_more);
  }
}

TEST_CASE("tls: a ClientHello may be spread over records (K1)", "[proxy][sniff]") {
  for (const std::size_t size : {600U, 2000U, 16384U})
    for (std::size_t n = 2; n <= 8; ++n)
      for (const bool name_last : {false, true}) {
        INFO(size << " bytes in " << n << " records");
        const byte_string bytes = in_records(hello::sized(size, name_last).bytes(), n);
        check_name(bytes, "www.example.com");
        CHECK(judge_prefixes(bytes, tls_whole) == "");
      }
}

TEST_CASE("tls: two records that part at every byte", "[proxy][sniff]") {
  const byte_string whole = hello::sized(400, true).bytes();
  for (std::size_t at = 1; at < whole.size(); ++at) {
    INFO(at);
    check_name(records(whole, {at}), "www.example.com");
  }
}

TEST_CASE("tls: records and segments cut at random", "[proxy][sniff][property]") {
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const byte_string whole = hello::sized(random() % 3000, random() % 2 == 0).bytes();
    std::vector<std::size_t> cuts;
    for (std::size_t n = random() % 60; n > 0; --n) cuts.push_back(1 + random() % (whole.size() - 1));
    const byte_string bytes = records(whole, cuts);
    check_name(bytes, "www.example.com");
    REQUIRE(judge_prefixes(bytes, tls_whole) == "");
  }
}

TEST_CASE("tls: bytes behind the answer do not count", "[proxy][sniff][property]") {
  std::mt19937 random(2);
  const byte_string bytes = records(hello().bytes());
  for (int i = 0; i < 200; ++i) {
    byte_string longer = bytes;
    for (std::size_t n = random() % 300; n > 0; --n) longer.push_back(static_cast<std::byte>(random()));
    check_name(longer, "www.example.com");
  }
}

TEST_CASE("tls: a hello without a usable name is TLS all the same", "[proxy][sniff]") {
  hello none;
  none.name.reset();
  check_name(records(none.bytes()), "");
  CHECK(judge_prefixes(records(none.bytes()), tls_whole) == "");
  check_name(records(hello::around({})), "");  // TLS 1.0 had no extensions
  for (const char* bad : {"", "a b", "evil\n.example", "a..b", "1.2.3", "/etc/passwd", "\xff\xfe"}) {
    hello h;
    h.name = bad;
    check_name(records(h.bytes()), "");
  }
  hello literal;
  literal.name = "192.0.2.7";
  check_name(records(literal.bytes()), "192.0.2.7");
  hello with_dot;
  with_dot.name = "example.com.";
  check_name(records(with_dot.bytes()), "example.com");
}

TEST_CASE("tls: lengths that lie", "[proxy][sniff]") {
  const auto with = [](const message& extensions) { return records(hello::around(extensions)); };
  const message name = message().number(0, 1).counted(2, message().text("example.com"));
  // The list of extensions is longer or shorter than what is left.
  check_no_clue(with(message().number(100, 2)));
  check_no_clue(with(message().number(1, 2).fill(4)));
  // An extension reaches beyond the list.
  check_no_clue(with(message().counted(2, message().number(0x33, 2).number(5, 2).fill(4))));
  // What is wrong inside the extension leaves a hello without a name.
  check_name(with(message().counted(
                 2, message().number(0, 2).counted(2, message().number(99, 2).raw(name.bytes())))),
             "");
  check_name(with(message().counted(2, message().number(0, 2).counted(
                                           2, message().counted(2, message().number(0, 1).number(99, 2))))),
             "");
  check_name(with(message().counted(2, message().number(0, 2).counted(2, message()))), "");
  // A name of another type in front of the host name is passed over.
  const message other = message().number(7, 1).counted(2, message().text("other"));
  check_name(with(message().counted(
                 2, message().number(0, 2).counted(
                        2, message().counted(2, message().raw(other.bytes()).raw(name.bytes()))))),
             "example.com");
}

TEST_CASE("tls: what is no ClientHello", "[proxy][sniff]") {
  const byte_string whole = hello().bytes();
  check_no_clue(record(whole, 23));
  byte_string server_hello = whole;
  server_hello[0] = std::byte{2};
  check_no_clue(records(server_hello));
  byte_string ssl2 = records(whole);
  ssl2[1] = std::byte{2};
  check_no_clue(ssl2);
  check_no_clue(record({}));
  check_no_clue(message().number(22, 1).number(0x0301, 2).number(16385, 2).raw(whole));
  // An alert between two records of the hello.
  byte_string broken = record(const_bytes(whole).first(40));
  for (const byte_string& next : {record(bytes_of("\x02\x28"), 21), record(const_bytes(whole).subspan(40))})
    broken.insert(broken.end(), next.begin(), next.end());
  check_no_clue(broken);
}

TEST_CASE("tls: records and extensions are bounded", "[proxy][sniff]") {
  const byte_string whole = hello::sized(600, true).bytes();
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < 64; ++i) cuts.push_back(i);
  check_name(records(whole, cuts), "www.example.com");
  cuts.push_back(64);
  check_no_clue(records(whole, cuts));

  hello many;
  many.before.assign(255, 0);
  check_name(records(many.bytes()), "www.example.com");
  many.before.push_back(0);
  check_no_clue(records(many.bytes()));
}

TEST_CASE("tls: no more than the limit is waited for", "[proxy][sniff]") {
  // A hello may announce 16 MiB: nothing is allocated for that.
  const byte_string huge =
      record(message().number(1, 1).number(0xffffff, 3).number(0x0303, 2).fill(32).bytes());
  CHECK(sniff_tls(huge).status == sniff_status::need_more);
  hello late;
  late.before.assign(3, 12000);
  const byte_string bytes = in_records(late.bytes(), 4);
  CHECK(muxpro::proxy::sniff_stream(const_bytes(bytes).first(muxpro::proxy::sniff_limit - 1)).status ==
        sniff_status::need_more);
  CHECK(muxpro::proxy::sniff_stream(bytes).status == sniff_status::no_clue);
  hello early;
  early.after.assign(3, 12000);
  CHECK(muxpro::proxy::sniff_stream(in_records(early.bytes(), 4)).domain == "www.example.com");
}
