// The certificates of a REALITY server: those that are used again are as new ones.
#include "catch.hpp"

#include "proxy/reality/certificate.hpp"
#include "proxy/transport/reality_certificates.hpp"

#include <openssl/x509.h>

#include <cstddef>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;

key_bytes key_of(unsigned char first) {
  key_bytes out{};
  out[0] = std::byte{first};
  return out;
}

std::vector<std::byte> der_of(const X509* x) {
  std::vector<std::byte> out(static_cast<std::size_t>(i2d_X509(x, nullptr)));
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  i2d_X509(x, &to);
  return out;
}

}  // namespace

TEST_CASE("reality certificates: each proves its own key, used again or not", "[proxy][reality]") {
  const key_bytes ed25519 = key_of(9);
  const auto all = std::make_shared<proving_certificates>(ed25519);
  const auto expected = [&](unsigned char key) {
    return reality_certificate(ed25519, certificate_proof(key_of(key), ed25519));
  };
  auto first = all->take(key_of(1));
  const auto second = all->take(key_of(2));
  CHECK(der_of(first.get()) == expected(1));
  CHECK(der_of(second.get()) == expected(2));
  const X509* const used = first.get();
  first.reset();
  const auto third = all->take(key_of(3));
  CHECK(third.get() == used);
  CHECK(der_of(third.get()) == expected(3));
  CHECK(der_of(second.get()) == expected(2));
}
