// Every frame type as literal bytes, read and written.
#include "bytes.hpp"
#include "catch.hpp"

using namespace muxpro;
using namespace wire_test;

namespace {

struct golden_frame {
  const char* bytes;
  frame value;
};

const address ipv4 = address::v4({127, 0, 0, 1});
const address ipv6 = address::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
const global_id source{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};

frame open(destination target, std::uint8_t priority = 0, std::optional<std::uint16_t> data = {},
           std::optional<global_id> from = {}) {
  return new_stream{1, priority, std::move(target), from, data, true};
}

void check_both_ways(const golden_frame& g) {
  CAPTURE(g.bytes, text(g.value));
  CHECK(hex(encoded(g.value)) == hex(g.bytes));

  decoder d;
  const byte_string in = unhex(g.bytes);
  const decoder::step s = d.next(in);
  REQUIRE(s.what == decoder::status::header);
  CHECK(s.consumed == in.size());
  CHECK(d.current() == g.value);
  CHECK(d.payload_left() == announced(g.value).value_or(0));
}

std::string rewritten(const char* bytes) { return hex(encoded(read_whole(unhex(bytes)).items.at(0).head)); }

}  // namespace

TEST_CASE("new streams: golden bytes", "[codec]") {
  const golden_frame all[] = {
      {"000d 0001 01 00 01 00 1b5f 01 7f000001", open({network::tcp, ipv4, 7007})},
      {"000d 0001 01 00 02 00 1b5f 01 7f000001", open({network::udp, ipv4, 7007})},
      {"0019 0001 01 00 01 00 01bb 03 20010db8000000000000000000000001", open({network::tcp, ipv6, 443})},
      {"0013 0001 01 00 01 00 1b5f 02 09 6c6f63616c686f7374", open({network::tcp, "localhost", 7007})},
      {"0011 0001 01 00 01 00 2537 02 07 6d75782e70726f", open({network::tcp, "mux.pro", 9527})},
      {"000d 0001 01 01 01 00 1b5f 01 7f000001 | 0005", open({network::tcp, ipv4, 7007}, 0, 5)},
      {"000d 0001 01 01 01 00 1b5f 01 7f000001 | 0000", open({network::tcp, ipv4, 7007}, 0, 0)},
      {"000d 0001 01 01 01 00 1b5f 01 7f000001 | ffff", open({network::tcp, ipv4, 7007}, 0, 65535)},
      {"0015 0001 01 00 02 00 1b5f 01 7f000001 1122334455667788",
       open({network::udp, ipv4, 7007}, 0, {}, source)},
      {"0021 0001 01 01 02 07 0035 03 20010db8000000000000000000000001 1122334455667788 | 0002",
       open({network::udp, ipv6, 53}, 7, 2, source)},
      {"001b 0001 01 01 02 ff ffff 02 09 6c6f63616c686f7374 1122334455667788 | 0002",
       open({network::udp, "localhost", 65535}, 255, 2, source)},
      {"000d ffff 01 00 01 00 0000 01 00000000", new_stream{65535, 0, {}, {}, {}, true}},
  };
  for (const golden_frame& g : all) check_both_ways(g);
}

TEST_CASE("new streams: all 256 priorities", "[codec]") {
  for (unsigned p = 0; p < 256; ++p) {
    const std::string bytes = fmt::format("000d {:04x} 01 00 01 {:02x} 1b5f 01 7f000001", p + 1, p);
    const new_stream f{static_cast<stream_id>(p + 1),
                       static_cast<std::uint8_t>(p),
                       {network::tcp, ipv4, 7007},
                       {},
                       {},
                       true};
    check_both_ways({bytes.c_str(), f});
  }
}

TEST_CASE("new streams: the longest domain and a source fill a whole header", "[codec]") {
  const std::string host(255, 'a');
  const frame f = open({network::udp, host, 1}, 0, 9, source);
  const byte_string name(255, std::byte{'a'});
  const std::string bytes = "0111 0001 01 01 02 00 0001 02 ff" + hex(name) + "1122334455667788 0009";
  check_both_ways({bytes.c_str(), f});
  CHECK(encoded(f).size() == max_encoded_header);
}

TEST_CASE("keep: golden bytes", "[codec]") {
  const golden_frame all[] = {
      {"0004 0001 02 00", keep{1, {}, false}},       {"0004 0001 02 01 | 0000", keep{1, 0, false}},
      {"0004 0001 02 01 | 0002", keep{1, 2, false}}, {"0004 ffff 02 01 | ffff", keep{65535, 65535, false}},
      {"0004 0001 02 02", keep{1, {}, true}},        {"0004 0001 02 03 | 000a", keep{1, 10, true}},
  };
  for (const golden_frame& g : all) check_both_ways(g);
}

TEST_CASE("end: golden bytes, with a code only if it is not graceful", "[codec]") {
  const golden_frame all[] = {
      {"0004 0001 03 00", end{1, end_code::graceful}},
      {"0006 0001 03 01 0001", end{1, end_code::remote_disconnect}},
      {"0006 0001 03 01 0002", end{1, end_code::timeout}},
      {"0006 0001 03 01 0003", end{1, end_code::protocol_error}},
      {"0006 0001 03 01 0004", end{1, end_code::resources}},
      {"0006 0001 03 01 0005", end{1, end_code::unreachable}},
      {"0006 0001 03 01 0006", end{1, end_code::rejected}},
      {"0006 fffe 03 01 1234", end{0xfffe, end_code{0x1234}}},
      {"0006 0001 03 01 ffff", end{1, end_code{0xffff}}},
  };
  for (const golden_frame& g : all) check_both_ways(g);
  CHECK(rewritten("0006 0001 03 01 0000") == hex("0004 0001 03 00"));
}

TEST_CASE("keep_alive: golden bytes, any id", "[codec]") {
  const golden_frame all[] = {
      {"0004 0000 04 00", keep_alive{0}},
      {"0004 beef 04 00", keep_alive{0xbeef}},
      {"0004 ffff 04 00", keep_alive{0xffff}},
  };
  for (const golden_frame& g : all) check_both_ways(g);
}

TEST_CASE("credit_update: golden bytes, four written, two also read", "[codec]") {
  const golden_frame all[] = {
      {"0004 0001 05 01 | 0004 00000000", credit_update{1, 0}},
      {"0004 0001 05 01 | 0004 00008000", credit_update{1, 32768}},
      {"0004 ffff 05 01 | 0004 ffffffff", credit_update{65535, 0xffffffff}},
  };
  for (const golden_frame& g : all) check_both_ways(g);
  CHECK(rewritten("0004 0001 05 01 | 0002 0000") == hex("0004 0001 05 01 | 0004 00000000"));
  CHECK(rewritten("0004 0001 05 01 | 0002 8001") == hex("0004 0001 05 01 | 0004 00008001"));
  CHECK(rewritten("0004 0001 05 01 | 0002 ffff") == hex("0004 0001 05 01 | 0004 0000ffff"));
}

TEST_CASE("negotiate_version: golden bytes in both layouts", "[codec]") {
  const golden_frame all[] = {
      {"0005 0000 00 01 01 | 0004 00000000", negotiate_version{dialect::spec, {version_0_0}}},
      {"0005 0000 00 01 01 | 0004 00000001", negotiate_version{dialect::spec, {version_0_1}}},
      {"0005 0000 00 01 02 | 0008 00000001 00000000",
       negotiate_version{dialect::spec, {version_0_1, version_0_0}}},
      {"0005 0000 00 01 01 | 0004 12345678", negotiate_version{dialect::spec, {{0x1234, 0x5678}}}},
      {"0005 0000 00 01 00 | 0000", negotiate_version{dialect::spec, {}}},
      {"0004 0000 00 01 | 0005 01 00000000", negotiate_version{dialect::go, {version_0_0}}},
      {"0004 0000 00 01 | 0005 01 00000001", negotiate_version{dialect::go, {version_0_1}}},
      {"0004 0000 00 01 | 0009 02 00000001 00000000",
       negotiate_version{dialect::go, {version_0_1, version_0_0}}},
      {"0004 0000 00 01 | 0001 00", negotiate_version{dialect::go, {}}},
  };
  for (const golden_frame& g : all) check_both_ways(g);
}

TEST_CASE("negotiate_version: 255 versions fit, more are not written", "[codec]") {
  for (const dialect layout : {dialect::spec, dialect::go}) {
    negotiate_version f{layout, {}};
    for (std::uint16_t i = 0; i < 255; ++i) f.versions.push_back({i, static_cast<std::uint16_t>(i * 3)});
    const byte_string full = encoded(f);
    CHECK(full.size() == 2 + 5 + 2 + 255 * 4);
    CHECK(read_whole(full).items.at(0).head == frame(f));

    f.versions.resize(300);
    CHECK(hex(encoded(f)) == hex(full));
  }
}

TEST_CASE("the compatible request can be read in both layouts", "[codec]") {
  const auto request = compatible_request();
  const std::string bytes = "0005 0000 00 01 04 | 0010 02000000 01000000 00000001 00000000";
  CHECK(hex(request) == hex(bytes));
  CHECK(text(read_whole(request)) == "negotiate S 512.0 256.0 0.1 0.0");

  // A reader of layout G skips the metadata whatever its length and takes the count from the extra data.
  byte_string as_go = unhex("0004 0000 00 01 | 0009");
  as_go.insert(as_go.end(), request.begin() + 9, request.begin() + 18);
  CHECK(text(read_whole(as_go)) == "negotiate G 0.1 0.0");
}

TEST_CASE("the agreed version decides about the GlobalID", "[codec]") {
  struct {
    version agreed;
    const char* bytes;
    const char* expected;
  } const all[] = {
      {version_0_1, "0015 0001 01 00 02 00 1b5f 01 7f000001 1122334455667788",
       "new 1 udp:127.0.0.1:7007 prio 0 source 1122334455667788"},
      {version_0_0, "0015 0001 01 00 02 00 1b5f 01 7f000001 1122334455667788",
       "new 1 udp:127.0.0.1:7007 prio 0"},
      {version_0_1, "0015 0001 01 00 02 00 1b5f 01 7f000001 0000000000000000",
       "new 1 udp:127.0.0.1:7007 prio 0"},
      {version_0_1, "0015 0001 01 00 02 00 1b5f 01 7f000001 0000000000000001",
       "new 1 udp:127.0.0.1:7007 prio 0 source 0000000000000001"},
      {version_0_1, "0014 0001 01 00 02 00 1b5f 01 7f000001 11223344556677",
       "new 1 udp:127.0.0.1:7007 prio 0"},
      {version_0_1, "0017 0001 01 00 02 00 1b5f 01 7f000001 1122334455667788 9900",
       "new 1 udp:127.0.0.1:7007 prio 0 source 1122334455667788"},
      {version_0_1, "0015 0001 01 00 01 00 1b5f 01 7f000001 1122334455667788",
       "new 1 tcp:127.0.0.1:7007 prio 0"},
  };
  for (const auto& c : all) {
    CAPTURE(c.bytes, c.agreed.minor);
    CHECK(text(read_whole(unhex(c.bytes), decoder(c.agreed))) == c.expected);

    decoder later(c.agreed == version_0_1 ? version_0_0 : version_0_1);
    later.agreed(c.agreed);
    CHECK(text(read_whole(unhex(c.bytes), std::move(later))) == c.expected);
  }
}

TEST_CASE("encode writes its frame and nothing behind it", "[codec]") {
  const frame all[] = {
      open({network::udp, std::string(255, 'x'), 1}, 3, 4, source),
      open({network::udp, std::string(300, 'x'), 1}, 3, 4, source),
      open({network::tcp, ipv6, 1}),
      keep{1, 5, true},
      end{1, end_code::timeout},
      keep_alive{9},
      credit_update{1, 2},
  };
  for (const frame& f : all) {
    CAPTURE(text(f));
    byte_string out(max_encoded_header, std::byte{0xaa});
    const std::size_t size = std::visit([&](const auto& x) { return encode(x, bytes(out)); }, f);
    REQUIRE(size <= out.size());
    CHECK(hex(const_bytes(out).first(size)) == hex(encoded(f)));
    const auto untouched = [](std::byte b) { return b == std::byte{0xaa}; };
    CHECK(std::all_of(out.begin() + static_cast<std::ptrdiff_t>(size), out.end(), untouched));
  }
}

TEST_CASE("encoded appends the payload", "[codec]") {
  CHECK(hex(encoded(keep{1, 2, false}, unhex("6162"))) == hex("0004 0001 02 01 | 0002 6162"));
  CHECK(hex(encoded(open({network::tcp, ipv4, 7007}, 0, 5), unhex("68656c6c6f"))) ==
        hex("000d 0001 01 01 01 00 1b5f 01 7f000001 | 0005 68656c6c6f"));
}

TEST_CASE("frames and frame_type have one order", "[codec]") {
  const auto index_of = [](const frame& f) { return static_cast<frame_type>(f.index()); };
  CHECK(index_of(keep{}) == frame_type::keep);
  CHECK(index_of(negotiate_version{}) == frame_type::negotiate_version);
  CHECK(index_of(new_stream{}) == frame_type::new_stream);
  CHECK(index_of(end{}) == frame_type::end);
  CHECK(index_of(keep_alive{}) == frame_type::keep_alive);
  CHECK(index_of(credit_update{}) == frame_type::credit_update);
}
