// gRPC's messages: any cut of a stream gives the same payload, which is a part of the stream.
#include "fuzz.hpp"

#include "proxy/grpc/message.hpp"

#include <array>
#include <span>
#include <vector>

namespace grpc_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

namespace {

byte_string payload_of(grpc_reader& r, const_bytes in) {
  byte_string out;
  while (!in.empty() && !r.broken()) {
    const std::size_t before = in.size();
    const const_bytes piece = r.next(in);
    must(in.size() < before || r.broken(), "a reader goes on");
    out.insert(out.end(), piece.begin(), piece.end());
  }
  return out;
}

}  // namespace
}  // namespace grpc_fuzz

FUZZ_TARGET(fuzz_grpc) {
  using namespace grpc_fuzz;
  grpc_reader whole;
  const byte_string all = payload_of(whole, in);
  must(all.size() <= in.size(), "payload is a part of the stream");
  grpc_reader slow;
  byte_string again;
  for (const std::byte b : in) {
    const byte_string one(1, b);
    const byte_string piece = payload_of(slow, one);
    again.insert(again.end(), piece.begin(), piece.end());
  }
  must(again == all, "any cut gives the same");
  must(slow.broken() == whole.broken() && slow.between_messages() == whole.between_messages(),
       "and the same end");
  if (all.empty() || all.size() >= most_grpc_message) return;
  std::array<std::byte, most_grpc_head> head{};
  const std::size_t n = write_grpc_head(head, all.size());
  byte_string wire(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
  wire.insert(wire.end(), all.begin(), all.end());
  grpc_reader second;
  must(payload_of(second, wire) == all && second.between_messages(), "what was written reads the same");
}
