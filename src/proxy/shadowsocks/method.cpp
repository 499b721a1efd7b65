#include "proxy/shadowsocks/method.hpp"

#include "proxy/base/text.hpp"

#include <algorithm>
#include <iterator>

namespace muxpro::proxy {

namespace {

constexpr shadowsocks_method aes_128_gcm{"aes-128-gcm", shadowsocks_cipher::aes_128_gcm, 16};
constexpr shadowsocks_method aes_256_gcm{"aes-256-gcm", shadowsocks_cipher::aes_256_gcm, 32};
constexpr shadowsocks_method chacha20{"chacha20-ietf-poly1305", shadowsocks_cipher::chacha20_poly1305, 32};
constexpr shadowsocks_method xchacha20{"xchacha20-ietf-poly1305", shadowsocks_cipher::xchacha20_poly1305, 32};
constexpr shadowsocks_method aes_128_gcm_2022{"2022-blake3-aes-128-gcm", shadowsocks_cipher::aes_128_gcm, 16,
                                              true};
constexpr shadowsocks_method aes_256_gcm_2022{"2022-blake3-aes-256-gcm", shadowsocks_cipher::aes_256_gcm, 32,
                                              true};
constexpr shadowsocks_method chacha20_2022{"2022-blake3-chacha20-poly1305",
                                           shadowsocks_cipher::chacha20_poly1305, 32, true,
                                           shadowsocks_cipher::xchacha20_poly1305};

constexpr struct {
  std::string_view name;
  const shadowsocks_method* method;
} shadowsocks_names[] = {
    {"aes-128-gcm", &aes_128_gcm},
    {"aead_aes_128_gcm", &aes_128_gcm},
    {"aes-256-gcm", &aes_256_gcm},
    {"aead_aes_256_gcm", &aes_256_gcm},
    {"chacha20-poly1305", &chacha20},
    {"chacha20-ietf-poly1305", &chacha20},
    {"aead_chacha20_poly1305", &chacha20},
    {"xchacha20-poly1305", &xchacha20},
    {"xchacha20-ietf-poly1305", &xchacha20},
    {"aead_xchacha20_poly1305", &xchacha20},
    {aes_128_gcm_2022.name, &aes_128_gcm_2022},
    {aes_256_gcm_2022.name, &aes_256_gcm_2022},
    {chacha20_2022.name, &chacha20_2022},
};

}  // namespace

const shadowsocks_method* find_shadowsocks_method(std::string_view name) noexcept {
  const auto found = std::find_if(std::begin(shadowsocks_names), std::end(shadowsocks_names),
                                  [name](const auto& n) { return is_name(name, n.name); });
  return found == std::end(shadowsocks_names) ? nullptr : found->method;
}

}  // namespace muxpro::proxy
