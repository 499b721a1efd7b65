// The frame decoder: any cut of the input gives the same frames, and what was decoded, encoded again, decodes
// to the same. The first bytes choose the version, the metadata limit and the cuts.
#include "fuzz.hpp"

#include "../rules/bytes.hpp"

namespace {

using namespace fuzz;
using muxpro::decoder;

wire_test::reading in_pieces(const_bytes wire, choices cuts, decoder&& d) {
  wire_test::driver run(d);
  while (!wire.empty()) {
    const std::size_t n = cuts.over() ? wire.size() : std::min(wire.size(), 1 + cuts.below(40));
    run.feed(wire.first(n));
    wire = wire.subspan(n);
  }
  return run.finish();
}

void encode_again(const wire_test::reading& all) {
  byte_string again;
  std::vector<wire_test::item> expected;
  for (const wire_test::item& i : all.items) {
    const auto* const n = std::get_if<muxpro::new_stream>(&i.head);
    if (n && !n->valid) continue;  // no target, nothing to encode
    const bool whole = i.payload.size() == wire_test::announced(i.head).value_or(0);
    must(whole || &i == &all.items.back(), "only the last frame may lack data");
    if (!whole) continue;
    wire_test::append(again, muxpro::encoded(i.head, i.payload));
    expected.push_back(i);
  }
  const wire_test::reading second = wire_test::read_whole(again);
  must(second.fault.empty() && !second.error && second.at_boundary, "what was encoded can be decoded");
  must(second.items == expected, "decode, encode, decode gives the same frames");
}

}  // namespace

FUZZ_TARGET(fuzz_decoder) {
  script s(in);
  const auto how = s.decide.byte();
  const muxpro::version v = how & 1 ? muxpro::version_0_0 : muxpro::version_0_1;
  const std::size_t limit = how & 2 ? 273 : muxpro::max_metadata;
  const wire_test::reading whole = wire_test::read_whole(s.wire, decoder(v, limit));
  must(whole.fault.empty(), whole.fault.c_str());
  const wire_test::reading cut = in_pieces(s.wire, s.decide, decoder(v, limit));
  must(cut.fault.empty(), cut.fault.c_str());
  must(whole == cut, "any cut of the input gives the same frames");
  encode_again(whole);
}
