// REALITY: any cut of a client's first bytes and of the target's answer gives the same, no client is taken
// for an own one whose session id was not sealed, and what was sealed opens. The first byte chooses what
// reads.
#include "fuzz.hpp"

#include "proxy/reality/client_verification.hpp"
#include "proxy/reality/target_flight.hpp"

#include <algorithm>
#include <vector>

namespace reality_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

const reality_rules& rules() {
  static const reality_rules one = [] {
    reality_rules r;
    r.names = {"", "example.test"};
    key_bytes own{};
    own[5] = std::byte{1};
    r.private_key = x25519_key(own);
    r.short_ids = {short_id()};
    return r;
  }();
  return one;
}

void read_hello(const_bytes in) {
  const received_hello whole = read_received_hello(in);
  bool decided = false;
  for (std::size_t n = 0; n <= in.size() && n < 600; ++n) {
    const received_hello part = read_received_hello(in.first(n));
    if (part.what == received_hello::status::need_more) must(!decided, "what is certain stays certain");
    if (part.what == received_hello::status::none) {
      must(whole.what == received_hello::status::none, "any cut of the input gives the same");
      decided = true;
    }
  }
  if (whole.what != received_hello::status::whole) return;
  must(whole.message.size() <= max_reality_hello, "a ClientHello is bounded");
  must(judge(whole, rules(), duration(0)).refused.has_value(), "no stranger is an own client");
}

void seal(const_bytes message) {
  const auto hello = parse_reality_hello(message);
  if (!hello) return;
  must(hello->random.size() == 32 && hello->session_id.size() <= session_id_size, "parts have their sizes");
  must(hello->x25519.empty() || hello->x25519.size() == 32, "a key share has its size");
  if (hello->session_id.size() != session_id_size) return;
  const auto at = static_cast<std::size_t>(hello->session_id.data() - message.data());
  const key_bytes key{};
  const reality_claim claim{{1, 2, 3}, 4, {}};
  const session_id sealed = seal_session_id(key, hello->random, hello->without_session_id, claim);
  std::vector<std::byte> again(message.begin(), message.end());
  std::copy(sealed.begin(), sealed.end(), again.begin() + static_cast<std::ptrdiff_t>(at));
  const auto opened = open_session_id(key, parse_reality_hello(again).value());
  must(opened == claim, "what was sealed opens");
}

void read_flight(const_bytes in) {
  const target_flight whole = read_target_flight(in);
  for (std::size_t n = 0; n <= in.size() && n < 600; ++n) {
    const target_flight part = read_target_flight(in.first(n));
    if (part.what == target_flight::status::need_more) continue;
    must(part.what == whole.what && part.suite == whole.suite && part.records == whole.records,
         "any cut of the input gives the same");
  }
}

}  // namespace
}  // namespace reality_fuzz

FUZZ_TARGET(fuzz_reality) {
  if (in.empty()) return;
  const muxpro::const_bytes rest = in.subspan(1);
  switch (std::to_integer<unsigned>(in[0]) % 3) {
    case 0: return reality_fuzz::read_hello(rest);
    case 1: return reality_fuzz::seal(rest);
    default: return reality_fuzz::read_flight(rest);
  }
}
