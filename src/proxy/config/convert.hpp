// Configurations in the names and forms of one age, of those that muxpro and Xray read alike. Ring 4, a rule
// without I/O.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <cstdint>

namespace muxpro::proxy {

enum class config_form : std::uint8_t {
  older,  ///< of V2Ray and of Xray before 2025, with vnext and servers, dokodemo-door, freedom
  newer,  ///< of Xray of 2026, with the server's keys in settings, tunnel, direct
};

/// A key that is there in both forms stays as it is, and so does a list of several servers or users, which
/// the newer form does not have.
setting converted(setting root, config_form to);

}  // namespace muxpro::proxy
