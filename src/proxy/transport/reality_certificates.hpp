// The certificates that a REALITY server shows its own clients. Ring 4.
#pragma once

#include "proxy/reality/keys.hpp"

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace muxpro::proxy {

/// Certificates of one Ed25519 key, which differ in their proof. OpenSSL takes a quarter of a handshake to
/// read one, so that those that are not in use any more are changed and used again. Any thread.
class proving_certificates : public std::enable_shared_from_this<proving_certificates> {
 public:
  explicit proving_certificates(const key_bytes& ed25519) : ed25519_(ed25519) { idle_.reserve(most_idle); }
  ~proving_certificates();
  /// Must be held until the handshake is over. Throws std::bad_alloc.
  std::shared_ptr<X509> take(const key_bytes& key);

 private:
  static constexpr std::size_t most_idle = 64;
  X509* take_idle() noexcept;
  void put_back(X509* x) noexcept;

  const key_bytes ed25519_;
  std::mutex mutex_;
  std::vector<X509*> idle_;
};

}  // namespace muxpro::proxy
