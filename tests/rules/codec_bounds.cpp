// Lengths: what is refused, how early, and what is taken from the input.
#include "bytes.hpp"
#include "catch.hpp"

using namespace muxpro;
using namespace wire_test;

namespace {

byte_string two_bytes(std::size_t length) {
  return {static_cast<std::byte>(length >> 8), static_cast<std::byte>(length & 255)};
}

byte_string keep_with_metadata(std::size_t length) {
  byte_string out = two_bytes(length);
  append(out, unhex("0001 02 00"));
  out.resize(2 + length, std::byte{0x55});
  return out;
}

std::string transcript(const byte_string& in, std::size_t limit) {
  return text(read_whole(in, decoder(version_0_1, limit)));
}

}  // namespace

TEST_CASE("a bad metadata length is refused with its second byte", "[codec][bounds]") {
  const auto check = [](std::size_t length, std::size_t following) {
    CAPTURE(length, following);
    byte_string in = two_bytes(length);
    in.resize(2 + following, std::byte{0});

    decoder whole;
    const decoder::step at_once = whole.next(in);
    CHECK(at_once.what == decoder::status::error);
    CHECK(at_once.error == errc::bad_metadata_length);
    CHECK(at_once.consumed <= 2);

    decoder cut;
    const decoder::step first = cut.next(const_bytes(in).first(1));
    CHECK(first.what == decoder::status::need_more);
    CHECK(first.consumed == 1);
    CHECK_FALSE(cut.at_boundary());
    const decoder::step second = cut.next(const_bytes(in).subspan(1));
    CHECK(second.what == decoder::status::error);
    CHECK(second.error == errc::bad_metadata_length);
    CHECK(second.consumed <= 1);
  };
  for (const std::size_t length : {0u, 1u, 2u, 3u, 513u, 514u, 1024u, 18245u, 65535u})
    for (const std::size_t following : {0u, 1u, 2000u}) check(length, following);
}

TEST_CASE("metadata of 4 to 512 bytes is accepted", "[codec][bounds]") {
  for (std::size_t length = 4; length <= 512; ++length) {
    CAPTURE(length);
    CHECK(text(read_whole(keep_with_metadata(length))) == "keep 1");
    CHECK(text(read_in_pieces_of(keep_with_metadata(length), 100)) == "keep 1");
  }
}

TEST_CASE("metadata_limit lowers the bound and cannot raise it", "[codec][bounds]") {
  struct {
    std::size_t limit, length;
    bool accepted;
  } const all[] = {
      {273, 273, true},    {273, 274, false}, {300, 300, true}, {300, 301, false},
      {512, 512, true},    {512, 513, false}, {600, 512, true}, {600, 513, false},
      {65535, 513, false}, {4, 4, true},      {4, 5, false},
  };
  for (const auto& c : all) {
    CAPTURE(c.limit, c.length);
    const std::string expected = c.accepted ? "keep 1" : "error bad_metadata_length";
    CHECK(transcript(keep_with_metadata(c.length), c.limit) == expected);
    CHECK(text(read_whole(two_bytes(c.length), decoder(version_0_1, c.limit))) ==
          (c.accepted ? "cut" : expected));
  }
}

TEST_CASE("the longest legal header passes the lowest metadata_limit of the options", "[codec][bounds]") {
  const frame f = new_stream{1, 0, {network::udp, std::string(255, 'a'), 1}, global_id{1}, {}, true};
  const byte_string in = encoded(f);
  REQUIRE(in.size() == 2 + 273);
  const reading r = read_whole(in, decoder(version_0_1, 273));
  REQUIRE(r.items.size() == 1);
  CHECK(r.items[0].head == f);
}

TEST_CASE("trailing metadata is ignored", "[codec][bounds]") {
  struct {
    const char* bytes;
    const char* expected;
  } const all[] = {
      {"0006 0000 00 01 01 aa | 0004 00000001", "negotiate S 0.1"},
      {"0009 0000 00 01 02 aabbccdd | 0008 00000001 00000000", "negotiate S 0.1 0.0"},
      {"000f 0001 01 00 01 00 1b5f 01 7f000001 aabb", "new 1 tcp:127.0.0.1:7007 prio 0"},
      {"0015 0001 01 01 01 00 1b5f 01 7f000001 0102030405060708 | 0001 61",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 1:61"},
      {"0015 0001 01 00 02 00 1b5f 02 09 6c6f63616c686f7374 aabb", "new 1 udp:localhost:7007 prio 0"},
      {"0018 0001 01 00 02 00 1b5f 01 7f000001 0102030405060708 aabbcc",
       "new 1 udp:127.0.0.1:7007 prio 0 source 0102030405060708"},
      {"0006 0001 02 00 aabb", "keep 1"},
      {"0006 0001 02 01 aabb | 0001 61", "keep 1 data 1:61"},
      {"0006 0001 03 00 0003", "end 1 code 0"},
      {"0009 0001 03 01 0003 aabbcc", "end 1 code 3"},
      {"0008 0001 04 00 aabbccdd", "keep_alive 1"},
      {"0008 0001 05 01 00000009 | 0004 00000001", "credit 1 1"},
  };
  for (const auto& c : all) {
    CAPTURE(c.bytes);
    CHECK(text(read_whole(unhex(c.bytes))) == c.expected);
    CHECK(text(read_in_pieces_of(unhex(c.bytes), 1)) == c.expected);
  }
}

TEST_CASE("an error is reported before the bytes that it would need", "[codec][bounds]") {
  struct {
    const char* why;
    const char* bytes;
    std::size_t known_after;
    errc error;
  } const all[] = {
      {"long metadata", "0201 0001", 2, errc::bad_metadata_length},
      {"id 0 of a Keep", "0004 0000 02 01 | ffff", 6, errc::reserved_id},
      {"id 0 of a New", "000d 0000 01 01 01 00 1b5f 01 7f000001 | ffff", 15, errc::reserved_id},
      {"unknown state", "0004 0001 06 01 | ffff", 6, errc::unknown_state},
      {"options of a KeepAlive", "0004 0001 04 01 | ffff", 6, errc::bad_options},
      {"options of a CreditUpdate", "0004 0001 05 02 | 0004", 6, errc::bad_options},
      {"increment of 3 bytes", "0004 0001 05 01 | 0003 000001", 8, errc::bad_length},
      {"increment of 65535 bytes", "0004 0001 05 01 | ffff 000001", 8, errc::bad_length},
      {"layout S, wrong length", "0005 0000 00 01 01 | ffff 000001", 9, errc::bad_length},
      {"layout G, no count", "0004 0000 00 01 | 0000 000001", 8, errc::bad_length},
      {"layout G, wrong length", "0004 0000 00 01 | ffff 01 0001", 9, errc::bad_length},
  };
  for (const auto& c : all) {
    CAPTURE(c.why);
    const byte_string in = unhex(c.bytes);
    decoder d;
    std::size_t fed = 0;
    decoder::step s;
    while (fed < in.size() && !s.error) s = d.next(const_bytes(in).subspan(fed++, 1));
    CHECK(s.error == c.error);
    CHECK(fed == c.known_after);
  }
}

TEST_CASE("a step takes nothing of the next frame", "[codec][bounds]") {
  for (const char* bytes : {"0005 0000 00 01 02 | 0008 00000001 00000000",
                            "0004 0000 00 01 | 0005 01 00000001", "000d 0001 01 00 01 00 1b5f 01 7f000001",
                            "0004 0001 02 00", "0004 0001 03 00", "0006 0001 03 01 0003", "0004 0001 04 00",
                            "0004 0001 05 01 | 0004 00000001", "0004 0001 05 01 | 0002 0001"}) {
    CAPTURE(bytes);
    byte_string in = unhex(bytes);
    const std::size_t size = in.size();
    in.resize(size + 1500, std::byte{0xff});
    for (std::size_t cut = 0; cut < size; ++cut) {
      decoder d;
      const std::size_t head = cut == 0 ? 0 : d.next(const_bytes(in).first(cut)).consumed;
      const decoder::step s = d.next(const_bytes(in).subspan(head));
      CHECK(s.what == decoder::status::header);
      CHECK(head + s.consumed == size);
      CHECK(d.at_boundary());
    }
  }
}

TEST_CASE("payload never reaches into the next frame", "[codec][bounds]") {
  const byte_string in = unhex("0004 0001 02 01 | 0003 616263 | 0004 0001 03 00");
  decoder d;
  CHECK(d.at_boundary());
  CHECK(d.next(in).consumed == 8);
  CHECK(d.payload_left() == 3);
  CHECK_FALSE(d.at_boundary());

  const decoder::step s = d.next(const_bytes(in).subspan(8));
  CHECK(s.what == decoder::status::payload);
  CHECK(hex(s.payload) == "616263");
  CHECK(s.payload.data() == in.data() + 8);
  CHECK(d.payload_left() == 0);
  CHECK(d.at_boundary());
  CHECK(d.next(const_bytes(in).subspan(11)).what == decoder::status::header);
  CHECK(d.current() == frame(end{1, end_code::graceful}));
}

TEST_CASE("a step without input needs more and changes nothing", "[codec][bounds]") {
  const byte_string in = unhex("0004 0001 02 01 | 0003 616263");
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    CAPTURE(cut);
    decoder d;
    const_bytes rest = const_bytes(in).first(cut);
    while (!rest.empty()) rest = rest.subspan(d.next(rest).consumed);
    const bool boundary = d.at_boundary();
    const std::size_t left = d.payload_left();
    const decoder::step s = d.next({});
    CHECK(s.what == decoder::status::need_more);
    CHECK(s.consumed == 0);
    CHECK(s.payload.empty());
    CHECK(d.at_boundary() == boundary);
    CHECK(d.payload_left() == left);
    CHECK(boundary == (cut == 0 || cut == in.size()));
  }
}
