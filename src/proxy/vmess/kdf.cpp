#include "proxy/vmess/kdf.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <memory>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

using digest = std::array<std::byte, 32>;
constexpr std::size_t hash_block = 64;  // of SHA-256
constexpr std::size_t most_path = 3, most_key = 64;

struct free_digest {
  void operator()(EVP_MD_CTX* c) const noexcept { EVP_MD_CTX_free(c); }
};
using digest_state = std::unique_ptr<EVP_MD_CTX, free_digest>;

void demand(bool done) {
  if (!done) throw std::runtime_error("libcrypto has no SHA-256");
}

std::array<std::byte, hash_block> padded(const_bytes key, std::byte pad) {
  assert(key.size() <= hash_block);
  std::array<std::byte, hash_block> out{};
  std::copy(key.begin(), key.end(), out.begin());
  for (std::byte& b : out) b ^= pad;
  return out;
}
constexpr std::byte inner_pad{0x36}, outer_pad{0x5c};  // RFC 2104

/// HMAC-SHA256 with the key that all derivations begin with. The states behind the pads are kept.
class first_hmac {
 public:
  first_hmac() : inner_(state_behind(inner_pad)), outer_(state_behind(outer_pad)), work_(EVP_MD_CTX_new()) {
    demand(work_ != nullptr);
  }
  digest operator()(const_bytes message) { return run(outer_, run(inner_, message)); }

 private:
  static digest_state state_behind(std::byte pad) {
    digest_state s(EVP_MD_CTX_new());
    const auto key = padded(bytes_of("VMess AEAD KDF"), pad);
    demand(s && EVP_DigestInit_ex(s.get(), EVP_sha256(), nullptr) == 1 &&
           EVP_DigestUpdate(s.get(), key.data(), key.size()) == 1);
    return s;
  }
  digest run(const digest_state& from, const_bytes message) {
    digest out{};
    demand(EVP_MD_CTX_copy_ex(work_.get(), from.get()) == 1 &&
           EVP_DigestUpdate(work_.get(), message.data(), message.size()) == 1 &&
           EVP_DigestFinal_ex(work_.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr) == 1);
    return out;
  }

  digest_state inner_, outer_, work_;
};

/// The HMAC with the last key of `path`, whose hash function is that of the keys before.
digest nested(first_hmac& first, std::span<const const_bytes> path, const_bytes message) {
  if (path.empty()) return first(message);
  std::array<std::byte, hash_block*(most_path + 1) + most_key> room;
  const auto behind = [&](std::byte pad, const_bytes rest) {
    const auto key = padded(path.back(), pad);
    const auto end = std::copy(rest.begin(), rest.end(), std::copy(key.begin(), key.end(), room.begin()));
    return nested(first, path.first(path.size() - 1), std::span(room.begin(), end));
  };
  return behind(outer_pad, behind(inner_pad, message));
}

}  // namespace

std::array<std::byte, 32> vmess_kdf(const_bytes key, std::initializer_list<const_bytes> path) {
  assert(key.size() <= most_key && path.size() <= most_path);
  static thread_local first_hmac first;
  return nested(first, std::span(path.begin(), path.size()), key);
}

}  // namespace muxpro::proxy
