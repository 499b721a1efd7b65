#include "proxy/policy/accounts.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <mutex>
#include <stdexcept>

namespace muxpro::proxy {

accounts::accounts() {
  if (RAND_bytes(book_->key.data(), static_cast<int>(book_->key.size())) != 1)
    throw std::runtime_error("libcrypto has no random numbers");
}

void accounts::add(std::string_view user, std::string_view secret) {
  const std::unique_lock lock(book_->access);
  book_->known.insert(book_->digest_of(user, secret));
}

std::size_t accounts::size() const {
  const std::shared_lock lock(book_->access);
  return book_->known.size();
}

// A copy first: both locks at once could wait for each other.
void accounts::replace_with(const accounts& others) {
  std::shared_lock theirs(others.book_->access);
  const digest key = others.book_->key;
  std::set<digest> known = others.book_->known;
  theirs.unlock();
  const std::unique_lock ours(book_->access);
  book_->key = key;
  book_->known = std::move(known);
}

// The search compares keyed digests. Without the key they cannot be predicted, so the time of the search
// reveals nothing about them.
bool accounts::check(std::string_view user, std::string_view secret) const {
  const std::shared_lock lock(book_->access);
  return book_->known.contains(book_->digest_of(user, secret));
}

// HMAC(key, SHA-256(user) | SHA-256(secret)): the inner digests keep "ab", "c" apart from "a", "bc".
accounts::digest accounts::book::digest_of(std::string_view user, std::string_view secret) const {
  std::array<std::uint8_t, 64> both{};
  digest out{};
  const bool done =
      EVP_Digest(user.data(), user.size(), both.data(), nullptr, EVP_sha256(), nullptr) == 1 &&
      EVP_Digest(secret.data(), secret.size(), both.data() + 32, nullptr, EVP_sha256(), nullptr) == 1 &&
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), both.data(), both.size(), out.data(),
           nullptr) != nullptr;
  if (!done) throw std::runtime_error("libcrypto has no SHA-256");
  return out;
}

}  // namespace muxpro::proxy
