#include "proxy/udp/source_id.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace muxpro::proxy {

namespace {

using key = std::array<std::uint8_t, 32>;

key random_key() {
  key k{};
  if (RAND_bytes(k.data(), static_cast<int>(k.size())) != 1)
    throw std::runtime_error("libcrypto has no random numbers");
  return k;
}

}  // namespace

// A peer's own name for the socket is a part of it: many of them come over one main connection.
global_id source_id(const context& c) {
  static const key secret = random_key();
  const global_id named = c.datagrams.source.value_or(global_id{});
  const std::string where =
      fmt::format("{}\n{}\n{}\n{}\n{}", c.inbound.tag, c.inbound.user.name, c.inbound.source.to_string(),
                  c.inbound.source_port, fmt::join(named, ","));
  std::array<std::uint8_t, 32> digest{};
  if (!HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
            reinterpret_cast<const std::uint8_t*>(where.data()), where.size(), digest.data(), nullptr))
    throw std::runtime_error("libcrypto has no SHA-256");
  global_id id{};
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

}  // namespace muxpro::proxy
