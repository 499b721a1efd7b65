// The frames of Mux.Cool as literal bytes, read and written, cut anywhere and wrong anywhere.
#include "bytes.hpp"
#include "catch.hpp"

using namespace muxpro;
using namespace wire_test;

namespace mux_cool_codec {

const address v4_of_name = address::v4({93, 184, 216, 34});
const address resolver = address::v4({1, 1, 1, 1});
const global_id source{0x9e, 0x59, 0xbb, 0x8d, 0xc7, 0xc4, 0xf9, 0x8e};

struct cool_frame {
  const char* bytes;
  frame value;
};

decoder cool() {
  decoder d;
  d.agreed(version_0_1, dialect::mux_cool);
  return d;
}

reading read(const byte_string& in) { return read_whole(in, cool()); }

frame new_of(stream_id id, destination to, std::optional<std::uint16_t> data = {},
             std::optional<global_id> from = {}) {
  return new_stream{id, 0, std::move(to), from, data, true};
}

const std::vector<cool_frame>& golden() {
  static const std::vector<cool_frame> all{
      {"0014 0001 01 01 | 01 01bb 02 0b 6578616d706c652e636f6d | 0005",
       new_of(1, {network::tcp, "example.com", 443}, 5)},
      {"0014 0001 01 00 | 01 01bb 02 0b 6578616d706c652e636f6d",
       new_of(1, {network::tcp, "example.com", 443})},
      {"000c 0002 01 00 | 01 0050 01 5db8d822", new_of(2, {network::tcp, v4_of_name, 80})},
      {"0018 0003 01 00 | 01 01bb 03 20010db8000000000000000000000001",
       new_of(3, {network::tcp, address("2001:db8::1"), 443})},
      {"0004 0001 02 01 | 0005", keep{1, std::uint16_t{5}, false}},
      {"0004 0001 03 00", end{1, end_code::graceful}},
      {"0004 0001 03 02", end{1, end_code::remote_disconnect}},
      {"0004 0000 04 00", keep_alive{0}},
      {"000c 0004 01 01 | 02 0035 01 01010101 | 0002", new_of(4, {network::udp, resolver, 53}, 2)},
      {"0014 0004 01 01 | 02 0035 01 01010101 9e59bb8dc7c4f98e | 0002",
       new_of(4, {network::udp, resolver, 53}, 2, source)},
      {"0014 0000 01 01 | 02 0d96 01 01020304 9e59bb8dc7c4f98e | 0002",
       new_of(0, {network::udp, address::v4({1, 2, 3, 4}), 3478}, 2, source)},
  };
  return all;
}

TEST_CASE("Mux.Cool: golden bytes, both ways", "[codec][mux_cool]") {
  for (const cool_frame& g : golden()) {
    CAPTURE(g.bytes, text(g.value));
    CHECK(hex(encoded(g.value, {}, dialect::mux_cool)) == hex(g.bytes));
    decoder d = cool();
    const byte_string in = unhex(g.bytes);
    const decoder::step s = d.next(in);
    REQUIRE(s.what == decoder::status::header);
    CHECK(s.consumed == in.size());
    CHECK(d.current() == g.value);
  }
}

TEST_CASE("Mux.Cool: a Keep has the address of its datagram in the metadata", "[codec][mux_cool]") {
  const host_port there(address::v4({8, 8, 8, 8}), 53);
  byte_string prefix(max_prefix);
  prefix.resize(encode_prefix(there, prefix));
  for (const stream_id id : {stream_id{4}, stream_id{0}}) {
    byte_string header(max_encoded_header);
    header.resize(encode_addressed(keep{id, std::uint16_t{2}, false}, prefix, header));
    append(header, unhex("abcd"));
    CHECK(hex(header) == hex(fmt::format("000c {:04x} 02 01 02 0035 01 08080808 0002 abcd", id)));
    const reading r = read(header);
    REQUIRE(r.items.size() == 1);
    CHECK(r.items[0].address == there);
    CHECK(hex(r.items[0].payload) == "abcd");
  }
}

TEST_CASE("Mux.Cool: an address holds for its own Keep alone", "[codec][mux_cool]") {
  const reading r = read(unhex("000c 0004 02 01 02 0035 01 08080808 0001 aa | 0004 0004 02 01 0001 bb"));
  REQUIRE(r.items.size() == 2);
  CHECK(r.items[0].address);
  CHECK_FALSE(r.items[1].address);
}

TEST_CASE("Mux.Cool: a GlobalID goes with data alone", "[codec][mux_cool]") {
  const frame named = new_of(4, {network::udp, resolver, 53}, {}, source);
  CHECK(hex(encoded(named, {}, dialect::mux_cool)) == hex("000c 0004 01 00 02 0035 01 01010101"));
  const char* const ignored[] = {
      "0014 0004 01 00 02 0035 01 01010101 9e59bb8dc7c4f98e",       // without data
      "0014 0004 01 01 01 0035 01 01010101 9e59bb8dc7c4f98e 0000",  // of TCP
      "0014 0004 01 01 02 0035 01 01010101 0000000000000000 0000",  // that names no source
      "0013 0004 01 01 02 0035 01 01010101 9e59bb8dc7c4f9 0000",    // cut short
  };
  for (const char* bytes : ignored) {
    CAPTURE(bytes);
    const reading r = read(unhex(bytes));
    REQUIRE(r.items.size() == 1);
    CHECK_FALSE(std::get<new_stream>(r.items[0].head).source);
  }
}

TEST_CASE("Mux.Cool: what is read and what ends the session", "[codec][mux_cool]") {
  const conformance_row rows[] = {
      {"padding of Keep", "0006 0001 02 01 0102 0001 aa", "keep 1 data 1:aa"},
      {"padding of New", "000e 0002 01 00 01 0050 01 5db8d822 ffff", "new 2 tcp:93.184.216.34:80 prio 0"},
      {"data of End", "0004 0001 03 01 0002 abcd", "end 1 code 0"},
      {"data of an aborting End", "0004 0001 03 03 0002 abcd", "end 1 code 1"},
      {"data of KeepAlive", "0004 0007 04 01 0001 aa", "keep_alive 7"},
      {"padding of End", "0008 0001 03 00 02003501", "end 1 code 0"},
      {"no data", "0004 0001 02 01 0000", "keep 1 data 0:"},
      {"id 0", "0004 0000 02 00", "keep 0"},
      {"an unknown network", "000c 0002 01 00 03 0050 01 5db8d822", "new 2 invalid"},
      {"an unknown type of address", "000c 0002 01 00 01 0050 04 5db8d822", "new 2 invalid"},
      {"a negotiation", "0004 0000 00 01 0001 00", "error unknown_state"},
      {"credit", "0004 0001 05 01 0002 0001", "error unknown_state"},
      {"another state", "0004 0001 06 00", "error unknown_state"},
      {"metadata of 3", "0003 000102", "error bad_metadata_length"},
      {"metadata of 513", "0201", "error bad_metadata_length"},
      {"a short New", "000b 0002 01 00 01 0050 01 5db8d8", "error bad_length"},
      {"a short name", "000c 0002 01 00 01 0050 02 05 616263", "error bad_length"},
      {"a short address of Keep", "0008 0001 02 01 02 0035 01", "error bad_length"},
      {"an unknown address of Keep", "000c 0001 02 01 02 0035 07 08080808", "error bad_length"},
      {"a bad name of Keep", "000a 0001 02 01 02 0035 02 01 20", "error bad_length"},
  };
  for (const conformance_row& row : rows) {
    CAPTURE(row.id, row.bytes);
    CHECK(text(read(unhex(row.bytes))) == row.expected);
  }
}

TEST_CASE("Mux.Cool: any cut gives the same frames", "[codec][mux_cool]") {
  byte_string all;
  for (const cool_frame& g : golden()) {
    append(all, unhex(g.bytes));
    append(all, byte_string(announced(g.value).value_or(0), std::byte{7}));
  }
  append(all, unhex("000c 0004 02 01 02 0035 01 08080808 0002 abcd | 0004 0001 03 01 0002 abcd"));
  const reading whole = read(all);
  REQUIRE(whole.fault.empty());
  REQUIRE(whole.items.size() == golden().size() + 2);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    decoder d = cool();
    driver run(d);
    run.feed(const_bytes(all).first(cut));
    run.feed(const_bytes(all).subspan(cut));
    CHECK(run.finish() == whole);
  }
  CHECK(read_in_pieces_of(all, 1, cool()) == whole);
}

TEST_CASE("Mux.Cool: wrong bytes anywhere keep the decoder's promises", "[codec][mux_cool]") {
  random_engine rng(7);
  for (int round = 0; round < 2000; ++round) {
    byte_string in;
    for (int n = 0; n < 4; ++n) {
      const cool_frame& g = golden()[pick(rng, 0, golden().size() - 1)];
      append(in, unhex(g.bytes));
      append(in, random_bytes(rng, announced(g.value).value_or(0)));
    }
    in[pick(rng, 0, in.size() - 1)] = static_cast<std::byte>(rng());
    const reading whole = read(in);
    CHECK(whole.fault.empty());
    CHECK(read_in_pieces_of(in, pick(rng, 1, 9), cool()) == whole);
  }
}

}  // namespace mux_cool_codec
