// The conformance cases as far as the decoder alone can judge them: a broken structure is an error,
// a wrong meaning is a well-formed frame that the session judges. Rows without a number are neighbours.
#include "bytes.hpp"
#include "catch.hpp"

using namespace muxpro;
using namespace wire_test;

namespace {

template <std::size_t N>
void check_rows(const conformance_row (&rows)[N]) {
  for (const conformance_row& r : rows) {
    CAPTURE(r.id, r.bytes);
    byte_string in = unhex(r.bytes);
    CHECK(text(read_whole(in)) == r.expected);
    CHECK(text(read_in_pieces_of(in, 1)) == r.expected);

    const reading alone = read_whole(in);
    if (alone.error || !alone.at_boundary) continue;
    append(in, unhex("000400aa0400"));
    CHECK(text(read_whole(in)) == std::string(r.expected) + "; keep_alive 170");
  }
}

}  // namespace

TEST_CASE("conformance NEG: requests", "[codec][conformance]") {
  check_rows({
      {"NEG-01", "00050000000101000400000000", "negotiate S 0.0"},
      {"NEG-02", "00040000000100050100000001", "negotiate G 0.1"},
      {"NEG-03", "00050000000104001002000000010000000000000100000000", "negotiate S 512.0 256.0 0.1 0.0"},
      {"NEG-04", "0005000000010200080000000100000000", "negotiate S 0.1 0.0"},
      {"NEG-05", "0005000000010200080000000000000001", "negotiate S 0.0 0.1"},
      {"NEG-06", "0005000000010200080001000000000000", "negotiate S 1.0 0.0"},
      {"NEG-07", "00050000000101000400010000", "negotiate S 1.0"},
      {"NEG-09", "000500000001000000", "negotiate S"},
      {"NEG-11", "00050000000102000400000000", "error bad_length"},
      {"NEG-12", "0005000000010100080000000000000001", "error bad_length"},
      {"NEG-14", "0004000000010000", "error bad_length"},
      {"NEG-15", "00040000000100050200000001", "error bad_length"},
      {"NEG-19", "000d0001010001001b5f017f000001", "new 1 tcp:127.0.0.1:7007 prio 0"},
      {"NEG-20", "000400010201000178", "keep 1 data 1:78"},
      {"NEG-22", "000400010501000400000001", "credit 1 1"},
      {"NEG-24", "00050000000101000400000000000d0001010101001b5f017f00000100026869",
       "negotiate S 0.0; new 1 tcp:127.0.0.1:7007 prio 0 data 2:6869"},
      {"NEG-26", "474554202f20485454502f312e310d0a486f73743a20610d0a0d0a", "error bad_metadata_length"},
      {"NEG-27", "160301020001000001fc0303", "error bad_metadata_length"},
      {"NEG-28", "00060000000101aa000400000000", "negotiate S 0.0"},
      {"count 255, one version", "0005000000 01ff 0004 00000000", "error bad_length"},
      {"count 0, one version", "000500000001 00 0004 00000000", "error bad_length"},
      {"length no multiple of 4", "000500000001 01 0005 00000000 00", "error bad_length"},
      {"length 0, one version", "000500000001 01 0000", "error bad_length"},
      {"length 65535", "000500000001 ff ffff", "error bad_length"},
      {"layout S with the count of G", "000500000001 01 0005 01 00000000", "error bad_length"},
      {"layout G, count 0", "000400000001 0001 00", "negotiate G"},
      {"layout G, count 1, two versions", "000400000001 0009 01 00000001 00000000", "error bad_length"},
      {"layout G with the length of S", "000400000001 0004 01 000000", "error bad_length"},
      {"layout G, length 65535", "000400000001 ffff ff", "error bad_length"},
      {"id 1", "000500010001 01 0004 00000000", "error reserved_id"},
      {"id 65535", "0005ffff0001 01 0004 00000000", "error reserved_id"},
      {"opt 0x00", "000500000000 01", "error bad_options"},
      {"opt 0x02", "000500000002 01 0004 00000000", "error bad_options"},
      {"opt 0x03", "000500000003 01 0004 00000000", "error bad_options"},
      {"opt 0x81", "000500000081 01 0004 00000000", "error bad_options"},
      {"opt 0x00, layout G", "000400000000", "error bad_options"},
      {"cut in the metadata", "0005000000", "cut"},
      {"cut before the length", "00050000000101", "cut"},
      {"cut in the list", "000500000001010004000000", "cut"},
      {"cut in the list, layout G", "000400000001000501000000", "cut"},
  });
}

TEST_CASE("conformance NGC: answers", "[codec][conformance]") {
  check_rows({
      {"NGC-02", "00050000000101000400000000", "negotiate S 0.0"},
      {"NGC-05", "00050000000101000401000000", "negotiate S 256.0"},
      {"NGC-06", "0005000000010200080000000100000000", "negotiate S 0.1 0.0"},
      {"NGC-07", "000500000001000000", "negotiate S"},
      {"NGC-09", "00050000000001", "error bad_options"},
      {"NGC-10", "000412340400", "keep_alive 4660"},
      {"NGC-12", "0005000000010100040000000000050000000101000400000000", "negotiate S 0.0; negotiate S 0.0"},
      {"NGC-14", "000500000001010004", "cut"},
  });
}

TEST_CASE("conformance NEW", "[codec][conformance]") {
  check_rows({
      {"NEW-01", "000d0001010001001b5f017f000001", "new 1 tcp:127.0.0.1:7007 prio 0"},
      {"NEW-02", "000d0001010101001b5f017f000001000568656c6c6f",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 5:68656c6c6f"},
      {"NEW-03", "00130001010101001b5f02096c6f63616c686f7374000568656c6c6f",
       "new 1 tcp:localhost:7007 prio 0 data 5:68656c6c6f"},
      {"NEW-05", "000a0001010001001b5f0200", "new 1 invalid"},
      {"NEW-07", "00140001010001001b5f020a6c6f63616c00686f7374", "new 1 invalid"},
      {"NEW-09", "00130001010101001b5f02093132372e302e302e31000568656c6c6f",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 5:68656c6c6f"},
      {"NEW-10", "000f0001010101001b5f02055b3a3a315d000568656c6c6f",
       "new 1 tcp:[::1]:7007 prio 0 data 5:68656c6c6f"},
      {"NEW-11", "00140001010101001b5f020a6c6f63616c686f73742e000568656c6c6f",
       "new 1 tcp:localhost.:7007 prio 0 data 5:68656c6c6f"},
      {"NEW-14", "000d0001010000001b5f017f000001", "new 1 invalid"},
      {"NEW-15", "000d0001010103001b5f017f000001000568656c6c6f", "new 1 invalid data 5:68656c6c6f"},
      {"NEW-17", "000d0001010001001b5f0000000000", "new 1 invalid"},
      {"NEW-18", "00050001010001", "error bad_length"},
      {"NEW-19", "000c0001010001001b5f017f0000", "error bad_length"},
      {"NEW-20", "000d0001010001001b5f0220616263", "error bad_length"},
      {"NEW-21", "00110001010101001b5f017f000001deadbeef000568656c6c6f",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 5:68656c6c6f"},
      {"NEW-23", "000d0001010101001b5f017f000001000568656c6c6f000d0001010001001b60017f000001",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 5:68656c6c6f; new 1 tcp:127.0.0.1:7008 prio 0"},
      {"NEW-30", "00140001010001001b5f020a6e782e696e76616c6964", "new 1 tcp:nx.invalid:7007 prio 0"},
      {"NEW-34", "00190001010001001b5f0300000000000000000000ffff7f000001",
       "new 1 tcp:[::ffff:127.0.0.1]:7007 prio 0"},
      {"NEW-36", "00190001010001001b5f0320027f00000100000000000000000000",
       "new 1 tcp:[2002:7f00:1::]:7007 prio 0"},
      {"NEW-37", "00190001010001001b5f0300000000000000000000000000000000", "new 1 tcp:[::]:7007 prio 0"},
      {"NEW-42", "000d0001010101001b63017f0000010003616263000400010300",
       "new 1 tcp:127.0.0.1:7011 prio 0 data 3:616263; end 1 code 0"},
      {"id 0", "000d0000010001001b5f017f000001", "error reserved_id"},
      {"network 255", "000d00010100ff001b5f017f000001", "new 1 invalid"},
      {"network 3, a short address", "000c0001010003001b5f017f0000", "error bad_length"},
      {"address type 4", "000d0001010001001b5f0400000000", "new 1 invalid"},
      {"address type 255 with data", "000d000101010100 1b5fff00000000 0002 6869",
       "new 1 invalid data 2:6869"},
      {"address type 0 ends the metadata", "0009000101000100 1b5f00", "new 1 invalid"},
      {"no field at all", "000400010100", "error bad_length"},
      {"ends after the priority", "000600010100 0100", "error bad_length"},
      {"ends inside the port", "000700010100 01001b", "error bad_length"},
      {"ends before the type", "000800010100 01001b5f", "error bad_length"},
      {"ends before the domain length", "000900010100 01001b5f02", "error bad_length"},
      {"domain one byte short", "000d00010100 01001b5f02 04 616263", "error bad_length"},
      {"domain with fewer bytes than it has", "000d00010100 01001b5f02 02 616263",
       "new 1 tcp:ab:7007 prio 0"},
      {"domain of 255 bytes, none there", "000a00010100 01001b5f02 ff", "error bad_length"},
      {"IPv6 address one byte short", "001800010100 01001b5f03 000000000000000000000000000000",
       "error bad_length"},
      {"IPv6 type with an IPv4 address", "000d00010100 01001b5f03 7f000001", "error bad_length"},
      {"domain with a blank", "000d00010100 01001b5f02 03 612062", "new 1 invalid"},
      {"domain with a slash", "000d00010100 01001b5f02 03 612f62", "new 1 invalid"},
      {"domain in UTF-8", "000d00010100 01001b5f02 03 c3bc62", "new 1 invalid"},
      {"D, length cut", "000d00010101 01001b5f017f000001 00", "cut"},
      {"unknown option bits", "000d0001 01fc 01001b5f017f000001", "new 1 tcp:127.0.0.1:7007 prio 0"},
      {"all option bits", "000d0001 01ff 01001b5f017f000001 0001 61",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 1:61"},
  });
}

TEST_CASE("conformance KEEP", "[codec][conformance]") {
  check_rows({
      {"KEEP-01", "000d0001010001001b5f017f00000100040001020100026162",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep 1 data 2:6162"},
      {"KEEP-02", "000d0001010001001b5f017f000001000400010200", "new 1 tcp:127.0.0.1:7007 prio 0; keep 1"},
      {"KEEP-03", "000d0001010001001b5f017f0000010004000102010000",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep 1 data 0:"},
      {"KEEP-04", "000400050201000178", "keep 5 data 1:78"},
      {"KEEP-06", "000400000201000178", "error reserved_id"},
      {"KEEP-09", "000d0001010001001b5f017f000001000600010201000000026162",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep 1 data 2:6162"},
      {"KEEP-11", "000d0001010001001b5f017f000001000400010201000261610004000102010002626200040001020100",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep 1 data 2:6161; keep 1 data 2:6262; cut"},
      {"KEEP-13", "000d0001010001001b5f017f000001000400010203000178",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep 1 addressed data 1:78"},
      {"id 0 without D", "000400000200", "error reserved_id"},
      {"unknown option bits", "0004000102fc", "keep 1"},
      {"all option bits", "0004000102ff 0001 61", "keep 1 addressed data 1:61"},
      {"payload that looks like a frame", "000400010201 0006 000400010300 000400010300",
       "keep 1 data 6:000400010300; end 1 code 0"},
  });
}

TEST_CASE("conformance END", "[codec][conformance]") {
  check_rows({
      {"END-01", "000d0001010001001b5f017f000001000400010300",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 0"},
      {"END-03", "000d0001010001001b5f017f0000010006000103010001",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 1"},
      {"END-04", "000d0001010001001b5f017f0000010006000103010002",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 2"},
      {"END-05", "000d0001010001001b5f017f0000010006000103010003",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 3"},
      {"END-06", "000d0001010001001b5f017f0000010006000103010004",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 4"},
      {"END-07", "000d0001010001001b5f017f0000010006000103010005",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 5"},
      {"END-09", "000d0001010001001b5f017f000001000600010301ffff",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 65535"},
      {"END-10", "000d0001010001001b5f017f000001000400010301",
       "new 1 tcp:127.0.0.1:7007 prio 0; error bad_length"},
      {"END-11", "000d0001010001001b5f017f00000100050001030100",
       "new 1 tcp:127.0.0.1:7007 prio 0; error bad_length"},
      {"END-12", "000d0001010001001b5f017f0000010006000103000003",
       "new 1 tcp:127.0.0.1:7007 prio 0; end 1 code 0"},
      {"id 0", "000400000300", "error reserved_id"},
      {"id 0 with a code", "000600000301 0001", "error reserved_id"},
      {"code 0 spelt out", "000600010301 0000", "end 1 code 0"},
      {"trailing metadata", "000800010301 0003 ffff", "end 1 code 3"},
      {"unknown option bits", "0004000103fe", "end 1 code 0"},
      {"nothing follows D", "000600010301 0003 000400010200", "end 1 code 3; keep 1"},
  });
}

TEST_CASE("conformance KA", "[codec][conformance]") {
  check_rows({
      {"KA-01", "0004beef0400", "keep_alive 48879"},
      {"KA-02", "000d0001010001001b5f017f000001000400010400000400010201000178",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep_alive 1; keep 1 data 1:78"},
      {"KA-03", "000400000400", "keep_alive 0"},
      {"KA-06", "0004123404010003616263", "error bad_options"},
      {"KA-07", "00051234040000", "keep_alive 4660"},
      {"opt 0x02", "000412340402", "error bad_options"},
      {"opt 0x80", "000412340480", "error bad_options"},
  });
}

TEST_CASE("conformance CRU", "[codec][conformance]") {
  check_rows({
      {"CRU-01", "000d0001010001001b61017f000001000400010501000400008000",
       "new 1 tcp:127.0.0.1:7009 prio 0; credit 1 32768"},
      {"CRU-03", "000d0001010001001b61017f0000010004000105010000",
       "new 1 tcp:127.0.0.1:7009 prio 0; error bad_length"},
      {"CRU-04", "000d0001010001001b61017f000001000400010501000101",
       "new 1 tcp:127.0.0.1:7009 prio 0; error bad_length"},
      {"CRU-05", "000d0001010001001b61017f0000010004000105010003000001",
       "new 1 tcp:127.0.0.1:7009 prio 0; error bad_length"},
      {"CRU-06", "000d0001010001001b61017f00000100040001050100050000000001",
       "new 1 tcp:127.0.0.1:7009 prio 0; error bad_length"},
      {"CRU-07", "000d0001010001001b61017f00000100040001050100080000000000000000",
       "new 1 tcp:127.0.0.1:7009 prio 0; error bad_length"},
      {"CRU-10", "000d0001010001001b61017f00000100080001050000008000",
       "new 1 tcp:127.0.0.1:7009 prio 0; error bad_options"},
      {"CRU-11", "000d0001010001001b61017f000001000400010501000400000000",
       "new 1 tcp:127.0.0.1:7009 prio 0; credit 1 0"},
      {"CRU-12", "0004004d05010004000003e8", "credit 77 1000"},
      {"CRU-14", "000d0001010001001b61017f0000010004000105010004ffffffff0004000105010004ffffffff",
       "new 1 tcp:127.0.0.1:7009 prio 0; credit 1 4294967295; credit 1 4294967295"},
      {"CRU-15", "000d0001010001001b61017f000001000400010501000400010000",
       "new 1 tcp:127.0.0.1:7009 prio 0; credit 1 65536"},
      {"CRU-16", "000d0001010001001b64017f0000010004000105010004000003e8",
       "new 1 tcp:127.0.0.1:7012 prio 0; credit 1 1000"},
      {"two bytes", "000400010501 0002 8000", "credit 1 32768"},
      {"65535 bytes", "000400010501 ffff", "error bad_length"},
      {"id 0", "000400000501 0004 00000001", "error reserved_id"},
      {"opt 0x00", "000400010500", "error bad_options"},
      {"opt 0x03", "000400010503 0004 00000001", "error bad_options"},
      {"opt 0x81", "000400010581 0004 00000001", "error bad_options"},
      {"trailing metadata", "000600010501 ffff 0004 00000001", "credit 1 1"},
      {"cut before the length", "000400010501", "cut"},
      {"cut in the increment", "000400010501 0004 000000", "cut"},
  });
}

TEST_CASE("conformance UNK and LEN", "[codec][conformance]") {
  check_rows({
      {"UNK-01", "000400010600", "error unknown_state"},
      {"UNK-02", "0004000106010003616263", "error unknown_state"},
      {"UNK-03", "00040001ff00", "error unknown_state"},
      {"UNK-05", "000400000900", "error unknown_state"},
      {"state 0x80", "000400018000", "error unknown_state"},
      {"length 0", "0000", "error bad_metadata_length"},
      {"LEN-02", "000100", "error bad_metadata_length"},
      {"LEN-03", "00020000", "error bad_metadata_length"},
      {"LEN-04", "0003000000", "error bad_metadata_length"},
      {"length 513", "0201", "error bad_metadata_length"},
      {"LEN-07", "ffff", "error bad_metadata_length"},
      {"LEN-08", "00", "cut"},
      {"LEN-11", "000d0001010001001b5f017f00000100040001020100056162",
       "new 1 tcp:127.0.0.1:7007 prio 0; keep 1 data 5:6162; cut"},
      {"LEN-12", "000d0001010001001b5f017f000001", "new 1 tcp:127.0.0.1:7007 prio 0"},
  });
}

TEST_CASE("conformance UDP", "[codec][conformance]") {
  check_rows({
      {"UDP-01", "000d0001010102001b5f017f000001000470696e67",
       "new 1 udp:127.0.0.1:7007 prio 0 data 4:70696e67"},
      {"UDP-03", "000d0001010002001b5f017f0000010004000102010000",
       "new 1 udp:127.0.0.1:7007 prio 0; keep 1 data 0:"},
      {"UDP-06", "00150001010002001b5f017f0000011122334455667788000400010203000a021b5f017f0000016869",
       "new 1 udp:127.0.0.1:7007 prio 0 source 1122334455667788; "
       "keep 1 addressed data 10:021b5f017f0000016869"},
      {"UDP-08",
       "00150001010002001b5f017f00000111223344556677880004000102030010021b5f02096c6f63616c686f73746869",
       "new 1 udp:127.0.0.1:7007 prio 0 source 1122334455667788; "
       "keep 1 addressed data 16:021b5f02096c6f63616c686f73746869"},
      {"UDP-09", "000d0001010002001b5f017f0000010004000102030005021b5f017f",
       "new 1 udp:127.0.0.1:7007 prio 0; keep 1 addressed data 5:021b5f017f"},
      {"UDP-20", "00150001010101001b5f017f0000011122334455667788000161",
       "new 1 tcp:127.0.0.1:7007 prio 0 data 1:61"},
  });
}

TEST_CASE("conformance LEN-05: metadata of 512 bytes", "[codec][conformance]") {
  byte_string in = unhex("0200 0001 01 00 01 00 1b5f 01 7f000001");
  in.resize(2 + 512);
  CHECK(text(read_whole(in)) == "new 1 tcp:127.0.0.1:7007 prio 0");
  CHECK(text(read_in_pieces_of(in, 1)) == "new 1 tcp:127.0.0.1:7007 prio 0");
}

TEST_CASE("conformance NEW-27 and KEEP-10: 65535 bytes of data", "[codec][conformance]") {
  for (const char* header : {"000d 0001 01 01 01 00 1b5f 01 7f000001 | ffff", "0004 0001 02 01 | ffff"}) {
    byte_string in = unhex(header);
    in.resize(in.size() + 65535, std::byte{'z'});
    const reading whole = read_whole(in);
    REQUIRE(whole.items.size() == 1);
    CHECK(whole.items[0].payload == byte_string(65535, std::byte{'z'}));
    CHECK(whole.at_boundary);
    CHECK(whole.fault == "");
    CHECK(read_in_pieces_of(in, 1) == whole);
    CHECK(read_in_pieces_of(in, 4096) == whole);
  }
}

TEST_CASE("conformance LEN-15: 64 frames in one segment", "[codec][conformance]") {
  byte_string in = unhex("00050000000101000400000000");
  for (int id = 1; id < 64; ++id) append(in, unhex(fmt::format("000d{:04x}010001001b5f017f000001", id)));
  const reading r = read_whole(in);
  REQUIRE(r.items.size() == 64);
  CHECK(text(r.items[63].head) == "new 63 tcp:127.0.0.1:7007 prio 0");
  CHECK(r.at_boundary);
  CHECK(r.fault == "");
  CHECK(read_in_pieces_of(in, 7) == r);
}
