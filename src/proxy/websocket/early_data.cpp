#include "proxy/websocket/early_data.hpp"

#include "proxy/base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <span>

namespace muxpro::proxy {

std::string base64_encoded(const_bytes data) {
  std::string out((data.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL adds a zero
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::string early_data_text(const_bytes data) {
  std::string out = base64_encoded(data);
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  return out.substr(0, out.find('='));
}

std::vector<std::byte> read_early_data(std::string_view text) {
  std::string usual(text.substr(0, text.find('=')));
  std::replace(usual.begin(), usual.end(), '-', '+');
  std::replace(usual.begin(), usual.end(), '_', '/');
  usual.append((4 - usual.size() % 4) % 4, '=');
  const auto data = base64_decoded(usual);
  if (!data) return {};
  const auto raw = std::as_bytes(std::span(*data));
  return {raw.begin(), raw.end()};
}

}  // namespace muxpro::proxy
