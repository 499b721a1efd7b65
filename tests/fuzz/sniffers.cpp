// Sniffers on bytes of a stranger: as they come, and behind what a stranger can do himself, which is to
// protect QUIC packets and to cut records. Whatever has an answer keeps it when more bytes come; a name is a
// name.
#include "fuzz.hpp"

#include "../proxy/rules/client_hello.hpp"
#include "../proxy/rules/quic_packet.hpp"

#include "proxy/base/host_name.hpp"
#include "proxy/sniff/http1.hpp"
#include "proxy/sniff/sniffer.hpp"

namespace {

using namespace fuzz;
using muxpro::proxy::sniff_result;
using muxpro::proxy::sniff_status;

void is_sane(const sniff_result& r) {
  const bool found = r.status == sniff_status::found;
  must(found == !r.protocol.empty(), "what is found has a protocol");
  must(found || (r.domain.empty() && r.attrs.empty()), "what is not found says nothing");
  must(r.domain.empty() || muxpro::proxy::canonical_host(r.domain) == r.domain, "a domain is canonical");
  std::size_t size = 0;
  for (const auto& [name, value] : r.attrs) size += name.size() + value.size();
  must(size <= 2 * muxpro::proxy::max_http_head, "attributes are bounded");
}

void keeps(const sniff_result& early, const sniff_result& late) {
  is_sane(early);
  is_sane(late);
  must(early.status == sniff_status::need_more || early == late, "an answer is not taken back");
}

void stream(const_bytes wire, choices& decide) {
  const sniff_result whole = muxpro::proxy::sniff_stream(wire);
  for (int i = 0; i < 3; ++i) {
    const const_bytes prefix = wire.first(decide.word() % (wire.size() + 1));
    // An allocation of its own shows reads beyond it.
    keeps(muxpro::proxy::sniff_stream(byte_string(prefix.begin(), prefix.end())), whole);
  }
}

void datagrams(const std::vector<byte_string>& all) {
  const std::vector<const_bytes> views(all.begin(), all.end());
  sniff_result before = muxpro::proxy::sniff_datagrams({});
  for (std::size_t n = 0; n <= views.size(); ++n) {
    const sniff_result r = muxpro::proxy::sniff_datagrams(std::span(views).first(n));
    keeps(before, r);
    before = r;
  }
}

std::vector<const_bytes> pieces(const_bytes wire, choices& decide) {
  std::vector<const_bytes> all;
  do {
    const std::size_t n = std::min<std::size_t>(decide.size(), wire.size());
    all.push_back(decide.over() ? wire : wire.first(n));
    wire = wire.subspan(all.back().size());
  } while (!wire.empty() && all.size() < 6);
  return all;
}

std::vector<byte_string> cut(const_bytes wire, choices& decide) {
  std::vector<byte_string> all;
  for (const const_bytes p : pieces(wire, decide)) all.emplace_back(p.begin(), p.end());
  return all;
}

byte_string in_records(const_bytes wire, choices& decide) {
  byte_string all;
  for (const const_bytes p : pieces(wire, decide)) {
    const byte_string r = rules_test::record(p);
    all.insert(all.end(), r.begin(), r.end());
  }
  return all;
}

// The pieces are frames; some datagrams hold two packets.
std::vector<byte_string> in_packets(const_bytes wire, choices& decide) {
  std::vector<byte_string> all;
  rules_test::initial_packet p;
  const bool v2 = decide.flag();
  p.flavour = v2 ? &rules_test::quic_v2() : &rules_test::quic_v1();
  for (const const_bytes frames : pieces(wire, decide)) {
    p.number_size = 1 + decide.below(4);
    p.frames.assign(frames.begin(), frames.end());
    p.padded_to = 4;
    ++p.number;
    const byte_string bytes = p.bytes();
    if (all.empty() || decide.flag()) all.emplace_back();
    all.back().insert(all.back().end(), bytes.begin(), bytes.end());
  }
  return all;
}

}  // namespace

FUZZ_TARGET(fuzz_sniffers) {
  script s(in);
  switch (s.decide.below(4)) {
    case 0: return stream(s.wire, s.decide);
    case 1: return datagrams(cut(s.wire, s.decide));
    case 2: return datagrams(in_packets(s.wire, s.decide));
    default: {
      const byte_string bytes = in_records(s.wire, s.decide);
      return stream(bytes, s.decide);
    }
  }
}
