#include "proxy/shadowsocks/settings.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

constexpr std::string_view shadowsocks_methods =
    "aes-128-gcm, aes-256-gcm, chacha20-ietf-poly1305, xchacha20-ietf-poly1305, 2022-blake3-aes-128-gcm, "
    "2022-blake3-aes-256-gcm or 2022-blake3-chacha20-poly1305";

}  // namespace

const shadowsocks_method* read_shadowsocks_method(settings& s) {
  std::string name;
  const std::string allowed(shadowsocks_methods);
  s.describe({"method", "The cipher. Both sides have the same."}, allowed);
  if (!s.needs("method", allowed) || !s.text({"method", "The cipher. Both sides have the same."}, name))
    return nullptr;
  const shadowsocks_method* const m = find_shadowsocks_method(name);
  if (m) return m;
  const bool open = is_name(name, "none") || is_name(name, "plain");
  s.wrong("method", fmt::format("is '{}'{}; it must be {}", sanitized(name),
                                open ? ", which encrypts nothing" : "", allowed));
  return nullptr;
}

std::vector<shadowsocks_key> read_shadowsocks_keys(settings& s, const shadowsocks_method* m,
                                                   std::size_t most) {
  std::string password;
  s.needs("password", "the password, or the key of a 2022 method");
  if (!s.secret({"password",
                 "The password. For 2022 methods a key as base64, of 16 or 32 bytes. No message shows it."},
                password) ||
      !m)
    return {};
  if (password.empty()) {
    s.wrong("password", "must not be empty");
    return {};
  }
  if (!m->of_2022) return {key_of_password(password, m->key_size)};
  auto keys = parse_shadowsocks_keys(password, m->key_size);
  if (!keys)
    s.wrong("password", fmt::format("must be {} bytes as base64, which `openssl rand -base64 {}` makes",
                                    m->key_size, m->key_size));
  else if (keys->size() > most)
    s.wrong("password", "has several keys with ':' between them; there must be one");
  else if (keys->size() > 1 && !m->has_blocks())
    s.wrong("password", fmt::format("has several keys, which {} does not have", m->name));
  else
    return *std::move(keys);
  return {};
}

}  // namespace muxpro::proxy
