// The sizes and types of TLS records (RFC 8446 section 5.1). Ring 4, a rule.
#pragma once

#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

enum class record_type : std::uint8_t { alert = 21, handshake = 22, application_data = 23 };

/// A record has a head of 5 bytes. Its text is followed by its type, by zeros or none, and by a tag. All that
/// is no longer than 256 bytes more than the longest text.
constexpr std::size_t record_header = 5, record_text = 16384, full_record = record_header + record_text + 256;

}  // namespace muxpro::proxy
