// name_answer, the result of a look-up of one name. Ring 4, a rule without I/O.
#pragma once

#include <asio/ip/address.hpp>

#include <cstdint>
#include <vector>

namespace muxpro::proxy {

struct name_answer {
  enum class kind : std::uint8_t {
    found,      ///< `addresses` are the name's, first choice first
    not_there,  ///< the name does not exist
    no_data,    ///< it exists, and has no address
    failed,     ///< no server has answered
    not_asked   ///< there is no server, or no way to ask
  };

  kind what = kind::failed;
  std::vector<asio::ip::address> addresses;

  bool operator==(const name_answer&) const = default;
};

}  // namespace muxpro::proxy
