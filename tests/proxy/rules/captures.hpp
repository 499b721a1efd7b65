// First flights of clients that are in use, as captured. Each file describes its capture. The names in them
// are those that the client was given, and the keys were deleted with the client.
#pragma once

#include "message.hpp"

#include <muxpro/testing/hex.hpp>

#include <string>
#include <vector>

namespace rules_test {

/// A ClientHello, and what it asks for.
struct captured_hello {
  const char* client;
  std::string name;
  byte_string bytes;
};

inline const std::vector<captured_hello>& captured_hellos() {
  static constexpr const char* openssl =
#include "captures/tls_openssl.hex"
      ;
  static constexpr const char* curl =
#include "captures/tls_curl.hex"
      ;
  static constexpr const char* chromium =
#include "captures/tls_chromium.hex"
      ;
  using muxpro::testing::from_hex;
  static const std::vector<captured_hello> all{{"openssl", "www.example.com", from_hex(openssl)},
                                               {"curl", "example.test", from_hex(curl)},
                                               {"chromium", "example.test", from_hex(chromium)}};
  return all;
}

/// Datagrams to example.test in the order of arrival: a flight of two, then what repeats it.
inline const std::vector<byte_string>& captured_datagrams() {
  static constexpr const char* chromium[] = {
#include "captures/quic_chromium.hex"
  };
  static const std::vector<byte_string> all = [] {
    std::vector<byte_string> datagrams;
    for (const char* d : chromium) datagrams.push_back(muxpro::testing::from_hex(d));
    return datagrams;
  }();
  return all;
}

}  // namespace rules_test
