#include "proxy/udp/source_id.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace muxpro::proxy {

namespace {

using key = std::array<std::uint8_t, 32>;

/// 32 bytes in base64 for URLs, without padding, as Xray has them.
key key_of(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  std::array<std::uint8_t, 33> decoded{};
  key k{};
  text += '=';
  const auto* const in = reinterpret_cast<const std::uint8_t*>(text.data());
  if (text.size() != 44 || EVP_DecodeBlock(decoded.data(), in, 44) != 33)
    throw std::runtime_error("XRAY_XUDP_BASEKEY must have 32 bytes in base64 for URLs, without padding");
  std::copy_n(decoded.begin(), k.size(), k.begin());
  return k;
}

key key_of_process() {
  if (const char* const given = std::getenv("XRAY_XUDP_BASEKEY")) return key_of(given);
  key k{};
  if (RAND_bytes(k.data(), static_cast<int>(k.size())) != 1)
    throw std::runtime_error("libcrypto has no random numbers");
  return k;
}

}  // namespace

// A peer's own name for the socket is a part of it, because many sockets come over one main connection.
global_id source_id(const context& ctx) {
  static const key secret = key_of_process();
  const global_id named = ctx.datagrams.source.value_or(global_id{});
  const std::string where =
      fmt::format("{}\n{}\n{}\n{}\n{}", ctx.inbound.tag, ctx.inbound.user.name,
                  ctx.inbound.source.to_string(), ctx.inbound.source_port, fmt::join(named, ","));
  std::array<std::uint8_t, 32> digest{};
  if (!HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
            reinterpret_cast<const std::uint8_t*>(where.data()), where.size(), digest.data(), nullptr))
    throw std::runtime_error("libcrypto has no SHA-256");
  global_id id{};
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

}  // namespace muxpro::proxy
