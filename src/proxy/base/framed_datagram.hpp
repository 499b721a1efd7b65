// A datagram as it lies in a stream of bytes. Ring 4, values.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace muxpro::proxy {

/// What a reader makes of the first bytes that it gets. Any cut of the input gives the same datagrams.
struct framed_datagram {
  enum class status : std::uint8_t { need_more, broken, datagram };

  status what = status::need_more;
  std::size_t consumed = 0;
  const_bytes payload;             ///< lies inside the input
  std::optional<host_port> where;  ///< without a value if the stream has one target

  static framed_datagram of_mistake() {
    framed_datagram out;
    out.what = status::broken;
    return out;
  }
};

}  // namespace muxpro::proxy
