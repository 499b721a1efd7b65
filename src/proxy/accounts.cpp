#include <muxpro/proxy/accounts.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace muxpro::proxy {

accounts::accounts() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1)
    throw std::runtime_error("libcrypto has no random numbers");
}

void accounts::add(std::string_view user, std::string_view secret) { known_.insert(digest_of(user, secret)); }

// The search compares digests that nobody without the key can foresee: how far it gets says nothing about
// them.
bool accounts::check(std::string_view user, std::string_view secret) const {
  return known_.contains(digest_of(user, secret));
}

// HMAC(key, SHA-256(user) | SHA-256(secret)): the inner digests keep "ab", "c" apart from "a", "bc".
accounts::digest accounts::digest_of(std::string_view user, std::string_view secret) const {
  std::array<std::uint8_t, 64> both{};
  digest out{};
  const bool done =
      EVP_Digest(user.data(), user.size(), both.data(), nullptr, EVP_sha256(), nullptr) == 1 &&
      EVP_Digest(secret.data(), secret.size(), both.data() + 32, nullptr, EVP_sha256(), nullptr) == 1 &&
      HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), both.data(), both.size(), out.data(),
           nullptr) != nullptr;
  if (!done) throw std::runtime_error("libcrypto has no SHA-256");
  return out;
}

}  // namespace muxpro::proxy
