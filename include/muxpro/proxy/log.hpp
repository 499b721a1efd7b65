// log_sink, log_level, access_detail: the operator's log. Ring 4, values.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace muxpro::proxy {

enum class log_level : std::uint8_t { debug, info, warning, error };
/// Called by any thread. That thread serves no connection until the call returns, so it must not wait for a
/// reader.
using log_sink = std::function<void(log_level, std::string_view)>;

/// Lines about one source address in a second. A source that causes so many all day fills 10 GB.
inline constexpr std::uint32_t default_access_lines = 1000;

/// Which parts of its way the line about a connection names.
enum class access_detail : std::uint8_t {
  /// Without the inbound and the outbound of a sub-stream, for a proxy that has one of each.
  brief,
  full
};

}  // namespace muxpro::proxy
