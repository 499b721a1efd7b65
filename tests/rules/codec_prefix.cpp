// The address in front of a datagram (bit U).
#include "bytes.hpp"
#include "catch.hpp"

using namespace muxpro;
using namespace wire_test;

namespace {

struct golden_prefix {
  const char* bytes;
  host_port address;
};

const golden_prefix golden_prefixes[] = {
    {"02 1b5f 01 7f000001", {"127.0.0.1", 7007}},
    {"02 0000 01 00000000", {"0.0.0.0", 0}},
    {"02 1b5f 02 09 6c6f63616c686f7374", {"localhost", 7007}},
    {"02 0035 02 01 61", {"a", 53}},
    {"02 ffff 03 20010db8000000000000000000000001", {"2001:db8::1", 65535}},
    {"02 0035 03 00000000000000000000ffff7f000001", {"::ffff:127.0.0.1", 53}},
};

std::string written(const host_port& address) {
  byte_string out(max_prefix);
  return hex(const_bytes(out).first(encode_prefix(address, out)));
}

}  // namespace

TEST_CASE("datagram prefixes: golden bytes", "[codec][prefix]") {
  for (const golden_prefix& g : golden_prefixes) {
    CAPTURE(g.bytes);
    CHECK(written(g.address) == hex(g.bytes));
    for (const char* datagram : {"", "6869", "021b5f017f000001"}) {
      byte_string block = unhex(g.bytes);
      const std::size_t size = block.size();
      append(block, unhex(datagram));
      const auto p = decode_prefix(block);
      REQUIRE(p);
      CHECK(p->address == g.address);
      CHECK(p->size == size);
    }
  }
}

TEST_CASE("datagram prefixes: the longest name fills max_prefix", "[codec][prefix]") {
  const host_port longest{std::string(255, 'z'), 1};
  byte_string out(max_prefix);
  REQUIRE(encode_prefix(longest, out) == max_prefix);
  const auto p = decode_prefix(out);
  REQUIRE(p);
  CHECK(p->address == longest);
  CHECK(p->size == max_prefix);
}

TEST_CASE("datagram prefixes: cut at every length", "[codec][prefix]") {
  for (const golden_prefix& g : golden_prefixes) {
    const byte_string whole = unhex(g.bytes);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(g.bytes, size);
      const byte_string cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK_FALSE(decode_prefix(cut));
    }
  }
}

TEST_CASE("datagram prefixes: malformed", "[codec][prefix]") {
  struct {
    const char* why;
    const char* bytes;
  } const all[] = {
      {"mark 0", "00 1b5f 01 7f000001"},
      {"mark 1", "01 1b5f 01 7f000001"},
      {"mark 3", "03 1b5f 01 7f000001"},
      {"mark 255", "ff 1b5f 01 7f000001"},
      {"type 0", "02 1b5f 00 7f000001"},
      {"type 4", "02 1b5f 04 7f000001"},
      {"type 255", "02 1b5f ff 7f000001"},
      {"empty name", "02 1b5f 02 00"},
      {"empty name before a datagram", "02 1b5f 02 00 6869"},
      {"NUL in a name", "02 1b5f 02 0a 6c6f63616c00686f7374"},
      {"blank in a name", "02 1b5f 02 03 612062"},
      {"name longer than the block", "02 1b5f 02 ff 6c6f63616c686f7374"},
      {"IPv4 in brackets", "02 1b5f 02 0b 5b3132372e302e302e315d"},
  };
  for (const auto& c : all) {
    CAPTURE(c.why);
    CHECK_FALSE(decode_prefix(unhex(c.bytes)));
  }
}

TEST_CASE("datagram prefixes: a name that spells an IP address is that address", "[codec][prefix]") {
  const auto v4 = decode_prefix(unhex("02 1b5f 02 09 3132372e302e302e31"));
  REQUIRE(v4);
  CHECK(v4->address == host_port{"127.0.0.1", 7007});
  CHECK(v4->size == 14);
  const auto v6 = decode_prefix(unhex("02 1b5f 02 05 5b3a3a315d"));
  REQUIRE(v6);
  CHECK(v6->address == host_port{"::1", 7007});
}

TEST_CASE("datagram prefixes: hosts that cannot be sent are not written", "[codec][prefix]") {
  for (const std::string& host : {std::string(), std::string(256, 'a'), std::string("a b"),
                                  std::string("a\0b", 3), std::string("[::1"), std::string("a/b")}) {
    CAPTURE(host);
    CHECK(written({host, 1}) == "");
  }
}

TEST_CASE("datagram prefixes: random blocks", "[codec][prefix]") {
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    random_engine rng(seed);
    byte_string block = random_bytes(rng, pick(rng, 0, 40));
    if (block.size() > 3) {
      block[0] = std::byte{2};
      block[3] = static_cast<std::byte>(pick(rng, 0, 4));
    }
    const auto p = decode_prefix(block);
    if (!p) continue;
    CAPTURE(seed, hex(block));
    REQUIRE(p->size <= block.size());
    REQUIRE(p->address.host.valid());
    const auto again = decode_prefix(unhex(written(p->address)));
    REQUIRE(again);
    REQUIRE(again->address == p->address);
  }
}
