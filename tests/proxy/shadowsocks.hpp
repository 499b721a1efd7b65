// Servers of Shadowsocks, and clients that are no outbound.
#pragma once

#include "sealed_client.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/inbound/shadowsocks.hpp"
#include "proxy/shadowsocks/packet_user.hpp"
#include "proxy/shadowsocks/stream.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace shadowsocks_link {

using namespace loopback_test;
using byte_string = std::vector<std::byte>;

inline unix_time now() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}
inline shadowsocks_key key_from(std::size_t size, unsigned first) {
  shadowsocks_key out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(first + i));
  return out;
}

/// A method with a user alice, and bob where the server has several users.
struct scheme {
  explicit scheme(std::string name, bool several = false)
      : method(*find_shadowsocks_method(name)), identities(several) {}

  shadowsocks_key own() const { return key_from(method.key_size, 1); }
  shadowsocks_inbound_options options() const {
    accounts users;
    const auto add = [&](std::string name, const shadowsocks_key& key) {
      user_account u;
      u.name = std::move(name);
      users.add_tried(std::move(u), std::string(as_text(key)));
    };
    if (identities || !method.of_2022) add("bob", key_from(method.key_size, 77));
    add("alice", own());
    shadowsocks_inbound_options o;
    o.server = std::make_shared<const shadowsocks_server>(
        method, users, identities ? key_from(method.key_size, 50) : shadowsocks_key());
    return o;
  }
  std::shared_ptr<const inbound> made() const { return std::make_shared<shadowsocks_inbound>(options()); }
  shadowsocks_client client() const {
    shadowsocks_client out;
    out.method = &method;
    if (identities) out.keys.push_back(key_from(method.key_size, 50));
    out.keys.push_back(own());
    return out;
  }

  const shadowsocks_method& method;
  bool identities;
};

inline std::vector<scheme> every_scheme() {
  std::vector<scheme> out;
  for (const char* name :
       {"aes-128-gcm", "xchacha20-ietf-poly1305", "2022-blake3-aes-128-gcm", "2022-blake3-chacha20-poly1305"})
    out.emplace_back(name);
  out.emplace_back("2022-blake3-aes-256-gcm", true);
  return out;
}

/// A connection whose request was sent.
template <class Fixture>
awaitable<std::shared_ptr<connection>> ask_for(Fixture& x, scheme of, destination target, std::string first) {
  tcp::socket s = co_await x.connect();
  chunk_codecs codecs = shadowsocks_request(of.client(), target, now);
  co_await write(s, first_bytes(codecs, first));
  co_return make_chunked(make_connection(std::move(s)), std::move(codecs), {});
}

}  // namespace shadowsocks_link
