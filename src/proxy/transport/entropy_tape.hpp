// entropy_tape, the random numbers that OpenSSL draws for a TLS handshake. The caller gets them before
// OpenSSL sends what it makes of them. Ring 4.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// Remembers what this thread draws in tape_library(), and gives it again. All numbers come from OpenSSL's
/// own generator. What is drawn beyond the tape does as well.
class entropy_tape {
 public:
  using draw = std::vector<unsigned char>;

  entropy_tape() = default;
  entropy_tape(const entropy_tape&) = delete;
  ~entropy_tape();

  std::vector<draw>& draws() noexcept { return draws_; }

  /// As long as it lives the thread's draws are remembered, or given again.
  class use {
   public:
    enum class mode { record, replay };
    use(entropy_tape& tape, mode m) noexcept;
    use(const use&) = delete;
    ~use();
  };
  /// Returns false if libcrypto has no random numbers.
  bool fill(unsigned char* to, std::size_t size) noexcept;

 private:
  friend class use;
  std::vector<draw> draws_;
  use::mode mode_ = use::mode::record;
  std::size_t next_ = 0;
};

/// OpenSSL's library with a generator that uses the tape of its thread. Throws std::runtime_error if OpenSSL
/// cannot make it.
OSSL_LIB_CTX* tape_library();

}  // namespace muxpro::proxy
