#include "proxy/base/expand_label.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cassert>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace muxpro::proxy {

void expand_label(tls_digest d, const_bytes secret, std::string_view label, bytes out) {
  assert(out.size() <= digest_size(d));
  constexpr std::string_view prefix = "tls13 ";
  std::vector<unsigned char> info{0, static_cast<unsigned char>(out.size()),
                                  static_cast<unsigned char>(prefix.size() + label.size())};
  info.insert(info.end(), prefix.begin(), prefix.end());
  info.insert(info.end(), label.begin(), label.end());
  info.insert(info.end(), {0, 1});  // no context, the first block
  std::array<unsigned char, EVP_MAX_MD_SIZE> block{};
  if (!::HMAC(d == tls_digest::sha256 ? EVP_sha256() : EVP_sha384(), secret.data(),
              static_cast<int>(secret.size()), info.data(), info.size(), block.data(), nullptr))
    throw std::runtime_error("libcrypto does not compute an HMAC");
  std::memcpy(out.data(), block.data(), out.size());
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace muxpro::proxy
