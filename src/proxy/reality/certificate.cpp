#include "proxy/reality/certificate.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
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
  const const_bytes parts[] = {std::as_bytes(std::span(up_to_key)), ed25519,
                               std::as_bytes(std::span(up_to_signature)), proof};
  std::size_t size = 0;
  for (const const_bytes part : parts) size += part.size();
  std::vector<std::byte> out(size);
  auto at = out.begin();
  for (const const_bytes part : parts) at = std::copy(part.begin(), part.end(), at);
  return out;
}

}  // namespace muxpro::proxy
