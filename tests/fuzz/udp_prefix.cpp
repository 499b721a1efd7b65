// The address prefix of datagrams: what is decoded lies inside the block, needs all of its bytes, and encoded
// again decodes to the same address; so does any address made of a text.
#include "fuzz.hpp"

#include <array>
#include <string>
#include <string_view>

namespace {

using namespace fuzz;
using muxpro::host_port;

byte_string prefix_of(const host_port& where) {
  byte_string out(muxpro::max_prefix);
  out.resize(muxpro::encode_prefix(where, out));
  return out;
}

void survives(const host_port& where) {
  const byte_string encoded = prefix_of(where);
  must(where.host.valid() == !encoded.empty(), "exactly the valid hosts can be sent");
  if (encoded.empty()) return;
  const auto again = muxpro::decode_prefix(encoded);
  must(again.has_value(), "an encoded prefix can be decoded");
  must(again->address == where, "encode, decode gives the same address");
  must(again->size == encoded.size(), "a prefix ends where its encoding ends");
}

void decode_block(const_bytes block) {
  const auto p = muxpro::decode_prefix(block);
  if (!p) return;
  must(p->size <= block.size() && p->size <= muxpro::max_prefix, "a prefix lies inside its block");
  must(p->address.host.valid(), "a decoded host can be sent");
  const auto alone = muxpro::decode_prefix(block.first(p->size));
  must(alone && alone->address == p->address && alone->size == p->size,
       "what follows a prefix is not looked at");
  for (std::size_t n = 0; n < p->size; ++n)
    must(!muxpro::decode_prefix(block.first(n)), "a prefix needs all of its bytes");
  survives(p->address);
}

}  // namespace

FUZZ_TARGET(fuzz_udp_prefix) {
  decode_block(in);
  choices decide(in);
  const std::uint16_t port = decide.word();
  const const_bytes rest = in.subspan(std::min<std::size_t>(in.size(), 2));
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  const host_port where{muxpro::address(text), port};
  survives(where);
  const muxpro::address spelled(where.host.to_string());
  must(spelled == where.host, "an address is the one that its text spells");
}
