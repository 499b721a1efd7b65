#include "proxy/base/uuid.hpp"

#include "proxy/base/text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

constexpr std::size_t uuid_groups[] = {4, 2, 2, 2, 6};  // bytes
constexpr std::size_t longest_phrase = 30;

// SHA-1 of the nil UUID and the text, cut, with the version and the variant of RFC 4122.
uuid uuid_of_phrase(std::string_view text) {
  std::array<char, 16 + longest_phrase> message{};
  std::copy(text.begin(), text.end(), message.begin() + 16);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(message.data(), 16 + text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1)
    throw std::runtime_error("libcrypto has no SHA-1");
  uuid out;
  std::transform(digest.begin(), digest.begin() + 16, out.begin(),
                 [](unsigned char c) { return static_cast<std::byte>(c); });
  out[6] = (out[6] & std::byte{0x0f}) | std::byte{0x50};
  out[8] = (out[8] & std::byte{0x3f}) | std::byte{0x80};
  return out;
}

std::optional<uuid> uuid_of_digits(std::string_view text) {
  uuid out{};
  std::size_t at = 0;
  for (const std::size_t group : uuid_groups) {
    if (text.starts_with('-')) text.remove_prefix(1);
    if (text.size() < 2 * group) return std::nullopt;
    for (std::size_t i = 0; i < group; ++i) {
      const int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      out[at++] = static_cast<std::byte>(high * 16 + low);
    }
    text.remove_prefix(2 * group);
  }
  return text.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace

std::optional<uuid> parse_uuid(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text.size() <= longest_phrase ? uuid_of_phrase(text) : uuid_of_digits(text);
}

std::string to_string(const uuid& id) {
  std::string out;
  std::size_t at = 0;
  for (const std::size_t group : uuid_groups) {
    if (at > 0) out += '-';
    for (std::size_t i = 0; i < group; ++i, ++at)
      for (const int digit : {std::to_integer<int>(id[at]) >> 4, std::to_integer<int>(id[at]) & 15})
        out += "0123456789abcdef"[digit];
  }
  return out;
}

}  // namespace muxpro::proxy
