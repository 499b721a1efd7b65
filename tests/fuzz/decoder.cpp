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

/// A frame as it was read, or nothing: it has no target, or what is to be skipped was lost.
byte_string encoded_again(const wire_test::item& i, muxpro::dialect d) {
  const auto* const n = std::get_if<muxpro::new_stream>(&i.head);
  if (n && !n->valid) return {};
  if (!i.address) return muxpro::encoded(i.head, i.payload, d);
  byte_string prefix(muxpro::max_prefix), out(muxpro::max_encoded_header);
  prefix.resize(muxpro::encode_prefix(*i.address, prefix));
  out.resize(muxpro::encode_addressed(std::get<muxpro::keep>(i.head), prefix, out));
  wire_test::append(out, i.payload);
  return out;
}

void encode_again(wire_test::reading all, muxpro::version v, muxpro::dialect d) {
  byte_string again;
  std::vector<wire_test::item> expected;
  for (wire_test::item& i : all.items) {
    if (!wire_test::may_announce(i.head)) i.payload.clear();
    const bool whole = i.payload.size() == wire_test::announced(i.head).value_or(0);
    must(whole || &i == &all.items.back(), "only the last frame may lack data");
    if (!whole) continue;
    const byte_string one = encoded_again(i, d);
    wire_test::append(again, one);
    if (!one.empty()) expected.push_back(i);
  }
  decoder reader(v);
  reader.agreed(v, d);
  const wire_test::reading second = wire_test::read_whole(again, std::move(reader));
  must(second.fault.empty() && !second.error && second.at_boundary, "what was encoded can be decoded");
  must(second.items == expected, "decode, encode, decode gives the same frames");
}

}  // namespace

FUZZ_TARGET(fuzz_decoder) {
  script s(in);
  const auto how = s.decide.byte();
  const muxpro::version v = how & 1 ? muxpro::version_0_0 : muxpro::version_0_1;
  const std::size_t limit = how & 2 ? 273 : muxpro::max_metadata;
  const auto d = how & 4 ? muxpro::dialect::mux_cool : muxpro::dialect::spec;
  decoder one(v, limit), other(v, limit);
  one.agreed(v, d);
  other.agreed(v, d);
  const wire_test::reading whole = wire_test::read_whole(s.wire, std::move(one));
  must(whole.fault.empty(), whole.fault.c_str());
  const wire_test::reading cut = in_pieces(s.wire, s.decide, std::move(other));
  must(cut.fault.empty(), cut.fault.c_str());
  must(whole == cut, "any cut of the input gives the same frames");
  encode_again(whole, muxpro::version_0_1, d);
}
