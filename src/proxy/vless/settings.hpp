// Keys that both sides of VLESS have in a configuration. Ring 4, a rule.
#pragma once

#include <muxpro/proxy/settings.hpp>

namespace muxpro::proxy {

/// Reads "flow". Returns true for xtls-rprx-vision, and `otherwise` if the key is absent.
bool read_vless_flow(settings& s, bool otherwise = false);
/// The same of a client, whose flow may have a suffix.
struct client_flow {
  bool vision = false;
  bool refuses_quic = false;  ///< without the suffix
};
client_flow read_vless_client_flow(settings& s);
/// Reads "encryption" or "decryption", which must be "none". Returns false for another value, which was
/// reported.
bool require_no_vless_encryption(settings& s, const setting_key& key);

}  // namespace muxpro::proxy
