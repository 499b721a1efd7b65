// Random frames, random cuts, random damage. A failure prints its seed.
#include "bytes.hpp"
#include "catch.hpp"

using namespace muxpro;
using namespace wire_test;

namespace {

std::uint8_t octet(random_engine& rng) { return static_cast<std::uint8_t>(rng()); }
std::uint16_t word(random_engine& rng) { return static_cast<std::uint16_t>(rng()); }
stream_id random_id(random_engine& rng) { return static_cast<stream_id>(pick(rng, 1, 65535)); }
bool coin(random_engine& rng) { return pick(rng, 0, 1) == 1; }

template <std::size_t N>
std::array<std::uint8_t, N> octets(random_engine& rng) {
  std::array<std::uint8_t, N> out;
  for (auto& o : out) o = octet(rng);
  return out;
}

address random_address(random_engine& rng) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  switch (pick(rng, 0, 2)) {
    case 0: return address::v4(octets<4>(rng));
    case 1: return address::v6(octets<16>(rng));
    default: break;
  }
  std::string name(1, letters[pick(rng, 0, 51)]);  // a letter first: never the spelling of an IP address
  const std::uint64_t longest = pick(rng, 0, 3) == 0 ? 255 : 20;
  for (std::uint64_t n = pick(rng, 1, longest); n > 1; --n) name += letters[pick(rng, 0, letters.size() - 1)];
  return name;
}

std::optional<std::uint16_t> random_size(random_engine& rng) {
  if (pick(rng, 0, 2) == 0) return std::nullopt;
  return static_cast<std::uint16_t>(pick(rng, 0, 60));
}

new_stream random_new(random_engine& rng) {
  new_stream f{random_id(rng), octet(rng), {}, {}, random_size(rng), true};
  f.target = {coin(rng) ? network::tcp : network::udp, random_address(rng), word(rng)};
  if (f.target.net == network::udp && coin(rng)) f.source = octets<8>(rng);
  if (f.source == global_id{}) f.source.reset();
  return f;
}

negotiate_version random_negotiation(random_engine& rng) {
  negotiate_version f{coin(rng) ? dialect::spec : dialect::go, {}};
  f.versions.resize(pick(rng, 0, 9) == 0 ? pick(rng, 0, 255) : pick(rng, 0, 4));
  for (version& v : f.versions) v = {word(rng), word(rng)};
  return f;
}

frame random_frame(random_engine& rng) {
  switch (pick(rng, 0, 5)) {
    case 0: return random_negotiation(rng);
    case 1: return random_new(rng);
    case 2: return keep{random_id(rng), random_size(rng), coin(rng)};
    case 3:
      return end{random_id(rng),
                 end_code{coin(rng) ? word(rng) : static_cast<std::uint16_t>(pick(rng, 0, 6))}};
    case 4: return keep_alive{word(rng)};
    default: return credit_update{random_id(rng), static_cast<std::uint32_t>(rng())};
  }
}

struct frame_sequence {
  byte_string bytes;
  reading expected;
};

frame_sequence random_sequence(random_engine& rng, std::size_t frames) {
  frame_sequence s;
  for (std::size_t i = 0; i < frames; ++i) {
    item next{random_frame(rng), {}};
    next.payload = random_bytes(rng, announced(next.head).value_or(0));
    append(s.bytes, encoded(next.head, next.payload));
    s.expected.items.push_back(std::move(next));
  }
  return s;
}

// Bytes that reach deep into the decoder: small lengths, known states, few options, then noise.
byte_string plausible_garbage(random_engine& rng) {
  byte_string out;
  for (std::uint64_t n = pick(rng, 1, 12); n > 0; --n) {
    const std::uint64_t metadata = pick(rng, 0, 9) == 0 ? pick(rng, 0, 600) : pick(rng, 3, 30);
    const std::uint64_t id = pick(rng, 0, 5) == 0 ? 0 : random_id(rng);
    const std::uint64_t state = pick(rng, 0, 6);
    const std::uint64_t options = pick(rng, 0, 3);
    append(out, unhex(fmt::format("{:04x}{:04x}{:02x}{:02x}", metadata, id, state, options)));
    append(out, random_bytes(rng, metadata > 4 ? metadata - 4 : 0));
    append(out, unhex(fmt::format("{:04x}", pick(rng, 0, 7))));
    append(out, random_bytes(rng, pick(rng, 0, 7)));
  }
  return out;
}

void check_survives(const byte_string& in, random_engine& rng) {
  const reading whole = read_whole(in);
  REQUIRE(whole.fault == "");
  REQUIRE(read_in_pieces_of(in, 1) == whole);
  REQUIRE(read_randomly_cut(in, rng) == whole);
}

const char* const conformance_script =
    "00050000000101000400000000000d0001010101001b5f017f000001000568656c6c6f00040001020100026162"
    "000412340400000400010501000400001000000400010300";

}  // namespace

TEST_CASE("random frames survive encoding and decoding", "[codec][property]") {
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    random_engine rng(seed);
    const frame f = random_frame(rng);
    CAPTURE(seed, text(f));
    const byte_string in = encoded(f);
    decoder d;
    const decoder::step s = d.next(in);
    REQUIRE(s.what == decoder::status::header);
    REQUIRE(s.consumed == in.size());
    REQUIRE(d.current() == f);
    REQUIRE(d.payload_left() == announced(f).value_or(0));
  }
}

TEST_CASE("a stream reads the same cut at every single point", "[codec][property]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    random_engine rng(seed);
    const frame_sequence s = random_sequence(rng, 20);
    REQUIRE(read_whole(s.bytes) == s.expected);
    for (std::size_t cut = 0; cut <= s.bytes.size(); ++cut) {
      CAPTURE(cut);
      REQUIRE(read_cut_at(s.bytes, cut) == s.expected);
    }
  }
}

TEST_CASE("a stream reads the same in pieces of any size", "[codec][property]") {
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    CAPTURE(seed);
    random_engine rng(seed);
    const frame_sequence s = random_sequence(rng, 60);
    REQUIRE(read_whole(s.bytes) == s.expected);
    for (const std::size_t size : {1u, 2u, 3u, 5u, 7u, 16u, 61u, 1000u}) {
      CAPTURE(size);
      REQUIRE(read_in_pieces_of(s.bytes, size) == s.expected);
    }
    for (int i = 0; i < 100; ++i) REQUIRE(read_randomly_cut(s.bytes, rng) == s.expected);
  }
}

TEST_CASE("a truncated stream gives a prefix of its frames and is not at a boundary inside one",
          "[codec][property]") {
  for (std::uint64_t seed = 200; seed < 205; ++seed) {
    random_engine rng(seed);
    const frame_sequence s = random_sequence(rng, 15);
    std::vector<std::size_t> ends{0};
    for (const item& i : s.expected.items) ends.push_back(ends.back() + encoded(i.head, i.payload).size());
    for (std::size_t size = 0; size <= s.bytes.size(); ++size) {
      CAPTURE(seed, size);
      const reading r = read_whole(const_bytes(s.bytes).first(size));
      REQUIRE(r.fault == "");
      REQUIRE_FALSE(r.error);
      const bool at_end = std::find(ends.begin(), ends.end(), size) != ends.end();
      REQUIRE(r.at_boundary == at_end);
      const auto complete = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin() - 1;
      REQUIRE(std::equal(s.expected.items.begin(), s.expected.items.begin() + complete, r.items.begin()));
    }
  }
}

TEST_CASE("conformance LEN-13: cut at every byte boundary", "[codec][conformance]") {
  const byte_string in = unhex(conformance_script);
  const std::string expected =
      "negotiate S 0.0; new 1 tcp:127.0.0.1:7007 prio 0 data 5:68656c6c6f; keep 1 data 2:6162; "
      "keep_alive 4660; credit 1 4096; end 1 code 0";
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    CAPTURE(cut);
    CHECK(text(read_cut_at(in, cut)) == expected);
  }
}

TEST_CASE("conformance LEN-14: every single-bit flip", "[codec][conformance]") {
  const byte_string in = unhex(conformance_script);
  random_engine rng(14);
  for (std::size_t bit = 0; bit < in.size() * 8; ++bit) {
    CAPTURE(bit);
    byte_string flipped = in;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    check_survives(flipped, rng);
  }
}

TEST_CASE("single-bit flips in random streams", "[codec][property]") {
  for (std::uint64_t seed = 300; seed < 306; ++seed) {
    random_engine rng(seed);
    const frame_sequence s = random_sequence(rng, 8);
    for (std::size_t bit = 0; bit < s.bytes.size() * 8; ++bit) {
      CAPTURE(seed, bit);
      byte_string flipped = s.bytes;
      flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      check_survives(flipped, rng);
    }
  }
}

TEST_CASE("random garbage", "[codec][property]") {
  for (std::uint64_t seed = 1; seed <= 10000; ++seed) {
    CAPTURE(seed);
    random_engine rng(seed);
    check_survives(random_bytes(rng, pick(rng, 0, 700)), rng);
    check_survives(plausible_garbage(rng), rng);
  }
}

TEST_CASE("what was decoded can be encoded and decoded again", "[codec][property]") {
  for (std::uint64_t seed = 1; seed <= 10000; ++seed) {
    random_engine rng(seed);
    for (const item& i : read_whole(plausible_garbage(rng)).items) {
      const auto* opened = std::get_if<new_stream>(&i.head);
      if (opened && !opened->valid) continue;
      CAPTURE(seed, text(i.head));
      const reading again = read_whole(encoded(i.head));
      REQUIRE(again.items.size() == 1);
      REQUIRE(again.items[0].head == i.head);
    }
  }
}

TEST_CASE("an error is for good", "[codec][property]") {
  const byte_string good = unhex("000400010201000161 000400010300");
  for (const char* bad :
       {"0003", "0201", "000400010600", "000400000201", "000412340401", "00040001050100050000000001",
        "00050001010001", "000400010301", "0005000000010200040000", "0004000000010000"}) {
    for (const std::size_t piece : {1u, 1000u}) {
      CAPTURE(bad, piece);
      decoder d;
      std::error_code error;
      const byte_string in = unhex(bad);
      for (const_bytes rest = in; !rest.empty() && !error;) {
        const decoder::step s = d.next(rest.first(std::min(piece, rest.size())));
        error = s.error;
        rest = rest.subspan(s.consumed);
      }
      REQUIRE(error);
      for (const const_bytes more : {const_bytes(good), const_bytes(in), const_bytes()}) {
        const decoder::step s = d.next(more);
        CHECK(s.what == decoder::status::error);
        CHECK(s.error == error);
        CHECK(s.consumed == 0);
        CHECK(s.payload.empty());
        CHECK(d.payload_left() == 0);
        CHECK_FALSE(d.at_boundary());
      }
    }
  }
}
