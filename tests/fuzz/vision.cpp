// Vision: any cut of the input gives the same content, and what was padded, read again, is the same. The
// first byte chooses what reads.
#include "fuzz.hpp"

#include "proxy/vless/vision_padding.hpp"

#include <vector>

namespace vision_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

const uuid id = *parse_uuid("alice");

std::uint32_t draw() {
  static std::uint32_t n = 0;
  return n += 0x9e3779b9U;
}

void read(const_bytes in) {
  std::vector<std::byte> wire(id.begin(), id.end());
  wire.insert(wire.end(), in.begin(), in.end());
  vision_unpadder whole(id), by_byte(id);
  std::vector<std::byte> one, other;
  const bool good = whole.take(wire, one);
  bool still_good = true;
  for (const std::byte& b : wire) still_good = by_byte.take({&b, 1}, other);
  must(good == still_good && whole.phase() == by_byte.phase(), "any cut of the input gives the same");
  must(one == other, "any cut of the input gives the same content");
  must(whole.end(one) == by_byte.end(other) && one == other, "the end is the same, too");
}

void write(const_bytes in) {
  choices decide(in);
  vision_padder p(id, draw);
  vision_unpadder u(id);
  vision_filter f;
  std::vector<std::byte> wire, content, heard;
  while (!in.empty() && p.phase() == vision_phase::blocks) {
    const const_bytes piece = in.first(std::min(in.size(), 1 + decide.size()));
    const std::size_t n = p.pad(piece, f, wire);
    must(n > 0 && n <= piece.size(), "some of it is padded");
    content.insert(content.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    in = in.subspan(n);
  }
  must(u.take(wire, heard) && heard == content, "what was padded, read again, is the same");
  must(u.phase() == p.phase(), "both sides are in the same phase");
}

}  // namespace
}  // namespace vision_fuzz

FUZZ_TARGET(fuzz_vision) {
  if (in.empty()) return;
  const muxpro::const_bytes rest = in.subspan(1);
  if (std::to_integer<unsigned>(in[0]) % 2 == 0)
    vision_fuzz::read(rest);
  else
    vision_fuzz::write(rest);
}
