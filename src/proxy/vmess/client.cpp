#include "proxy/vmess/client.hpp"

#include "proxy/vmess/body.hpp"

#include <openssl/rand.h>

#include <stdexcept>

namespace muxpro::proxy {

namespace {

using cipher = vmess_account::cipher;

void draw(void* to, std::size_t size) {
  if (RAND_bytes(static_cast<unsigned char*>(to), static_cast<int>(size)) != 1)
    throw std::runtime_error("libcrypto has no random numbers");
}

vmess_random drawn_for_head() {
  vmess_random r;
  std::uint8_t padding = 0;
  draw(&r.auth_id, sizeof r.auth_id);
  draw(r.nonce.data(), r.nonce.size());
  draw(&padding, sizeof padding);
  r.padding.resize(padding % 16);
  if (!r.padding.empty()) draw(r.padding.data(), r.padding.size());
  return r;
}

// Plain text has no padding. Without chunks it has no bounds of datagrams either.
std::uint8_t options_of(const vmess_account& a, bool datagrams) noexcept {
  unsigned out = vmess_body::chunks;
  if (a.security == cipher::zero) return static_cast<std::uint8_t>(datagrams ? out : 0);
  out |= vmess_body::masked_lengths;
  if (a.security != cipher::none) out |= vmess_body::padding;
  if (a.authenticated_lengths) out |= vmess_body::authenticated_lengths;
  return static_cast<std::uint8_t>(out);
}

vmess_security security_of(cipher c) noexcept {
  if (c == cipher::aes_128_gcm) return vmess_security::aes_128_gcm;
  return c == cipher::chacha20_poly1305 ? vmess_security::chacha20_poly1305 : vmess_security::none;
}

}  // namespace

vmess_account::cipher vmess_cipher_for_this_machine() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  const bool has_aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
  const bool has_aes = false;
#endif
  return has_aes ? cipher::aes_128_gcm : cipher::chacha20_poly1305;
}

chunk_codecs vmess_client_codecs(const vmess_account& account, const destination& target, std::int64_t time) {
  vmess_body b;
  draw(b.iv.data(), b.iv.size());
  draw(b.key.data(), b.key.size());
  draw(&b.answer, sizeof b.answer);
  b.datagrams = target.net == network::udp;
  b.options = options_of(account, b.datagrams);
  b.security = security_of(account.security);
  b.sends_end = account.sends_end;
  return vmess_client_codecs(b, seal_vmess_request(account.keys, time, b, target, drawn_for_head()));
}

}  // namespace muxpro::proxy
