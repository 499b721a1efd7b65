#include "proxy/reality/certificate.hpp"

#include <string_view>

namespace muxpro::proxy {

namespace {

using namespace std::string_view_literals;

// RFC 5280 section 4.1, as Go writes it: serial number 0, empty names, valid in the first second of year 1,
// and no extensions.
constexpr std::string_view up_to_key =
    "\x30\x81\xaf\x30\x63\xa0\x03\x02\x01\x02\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x30\x00\x30\x22"
    "\x18\x0f"
    "00010101000000Z\x18\x0f"
    "00010101000000Z\x30\x00\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"sv;
constexpr std::string_view up_to_signature = "\x30\x05\x06\x03\x2b\x65\x70\x03\x41\x00"sv;

}  // namespace

std::vector<std::byte> reality_certificate(const_bytes ed25519, const_bytes proof) {
  std::vector<std::byte> out;
  const auto append = [&out](const_bytes b) { out.insert(out.end(), b.begin(), b.end()); };
  append(std::as_bytes(std::span(up_to_key)));
  append(ed25519);
  append(std::as_bytes(std::span(up_to_signature)));
  append(proof);
  return out;
}

}  // namespace muxpro::proxy
