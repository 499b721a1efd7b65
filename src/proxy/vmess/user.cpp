#include "proxy/vmess/user.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/vmess/checksums.hpp"
#include "proxy/vmess/kdf.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

constexpr std::string_view command_salt = "c48619fe-8f02-49e0-b9e9-edf763e17e21";

struct free_cipher {
  void operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); }
};

const unsigned char* raw(const_bytes b) noexcept { return reinterpret_cast<const unsigned char*>(b.data()); }

// One block of AES-128, without a mode.
vmess_block aes_block(const_bytes key, const_bytes input, bool encrypts) {
  static thread_local const std::unique_ptr<EVP_CIPHER_CTX, free_cipher> context(EVP_CIPHER_CTX_new());
  static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
  vmess_block out{};
  int n = 0;
  EVP_CIPHER_CTX* const c = context.get();
  const bool done = c && aes &&
                    EVP_CipherInit_ex(c, aes, nullptr, raw(key), nullptr, encrypts ? 1 : 0) == 1 &&
                    EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
                    EVP_CipherUpdate(c, reinterpret_cast<unsigned char*>(out.data()), &n, raw(input),
                                     static_cast<int>(input.size())) == 1;
  if (!done) throw std::runtime_error("libcrypto has no AES");
  return out;
}

template <std::size_t Octets>
void put(std::byte* to, std::uint64_t value) noexcept {
  for (std::size_t i = 0; i < Octets; ++i) to[i] = static_cast<std::byte>(value >> (8 * (Octets - 1 - i)));
}

}  // namespace

vmess_user::vmess_user(const uuid& id) {
  std::array<std::byte, 16 + command_salt.size()> all;
  const const_bytes salt = bytes_of(command_salt);
  std::copy(salt.begin(), salt.end(), std::copy(id.begin(), id.end(), all.begin()));
  if (EVP_Digest(all.data(), all.size(), reinterpret_cast<unsigned char*>(command_key.data()), nullptr,
                 EVP_md5(), nullptr) != 1)
    throw std::runtime_error("libcrypto has no MD5");
  const auto key = vmess_kdf(command_key, {bytes_of("AES Auth ID Encryption")});
  std::copy_n(key.begin(), auth_key.size(), auth_key.begin());
}

vmess_user::vmess_user(std::string_view stored) {
  const const_bytes all = bytes_of(stored);
  std::copy_n(all.begin(), command_key.size(), command_key.begin());
  std::copy_n(all.begin() + 16, auth_key.size(), auth_key.begin());
}

std::string vmess_user::stored() const { return std::string(as_text(command_key)).append(as_text(auth_key)); }

vmess_block seal_auth_id(const vmess_user& user, std::int64_t time, std::uint32_t random) {
  vmess_block plain{};
  put<8>(plain.data(), static_cast<std::uint64_t>(time));
  put<4>(plain.data() + 8, random);
  put<4>(plain.data() + 12, crc32(const_bytes(plain).first(12)));
  return aes_block(user.auth_key, plain, true);
}

std::optional<std::int64_t> open_auth_id(const_bytes auth_key, const_bytes auth_id) {
  const vmess_block plain = aes_block(auth_key, auth_id, false);
  byte_reader r(plain);
  const auto time = static_cast<std::int64_t>(r.number(8));
  r.take(4);
  if (r.number(4) != crc32(const_bytes(plain).first(12))) return std::nullopt;
  return time;
}

}  // namespace muxpro::proxy
