// vmess_account, vmess_client_codecs(): a VMess client's choices and random numbers for a connection. Ring 4,
// a rule.
#pragma once

#include "proxy/base/chunk_codec.hpp"
#include "proxy/vmess/request.hpp"

#include <muxpro/destination.hpp>

#include <cstdint>

namespace muxpro::proxy {

struct vmess_account {
  enum class cipher : std::uint8_t { aes_128_gcm, chacha20_poly1305, none, zero };

  vmess_user keys{uuid{}};
  cipher security = cipher::aes_128_gcm;
  bool authenticated_lengths = false;
  /// Whether an empty chunk ends what the client sends. Otherwise the end of the connection does.
  bool sends_end = true;
};

/// The cipher that is the faster one on this machine.
vmess_account::cipher vmess_cipher_for_this_machine() noexcept;

/// Returns the codecs of a connection to a target whose host is valid. `time` is in seconds since 1970.
/// Throws std::runtime_error if libcrypto has no random numbers.
chunk_codecs vmess_client_codecs(const vmess_account& account, const destination& target, std::int64_t time);

}  // namespace muxpro::proxy
