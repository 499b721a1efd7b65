// target_flight, the cipher suite and the lengths of the records up to Finished in a target's answer to a
// ClientHello. The answer of a REALITY server imitates them. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace muxpro::proxy {

struct target_flight {
  enum class status : std::uint8_t {
    need_more,
    other,  ///< not TLS 1.3 with X25519 or X25519MLKEM768, or records that cannot be imitated
    whole
  };
  status what = status::need_more;
  std::uint16_t suite = 0;
  /// The lengths of EncryptedExtensions, Certificate, CertificateVerify and Finished, as on the wire. With
  /// one length all messages are in one record, or are not split by message.
  std::vector<std::size_t> records;
};
/// The records of its encrypted messages have at most so many bytes.
inline constexpr std::size_t max_flight_record = 8192;
/// Any cut of the input gives the same, as early as it is certain.
target_flight read_target_flight(const_bytes received);

}  // namespace muxpro::proxy
