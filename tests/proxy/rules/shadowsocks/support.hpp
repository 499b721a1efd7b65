// A server, a client and bytes of Shadowsocks for its tests.
#pragma once

#include "head_transcript.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/shadowsocks/server.hpp"
#include "proxy/shadowsocks/stream.hpp"

#include <muxpro/testing/hex.hpp>

#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace shadowsocks_test {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::bytes;
using muxpro::destination;
using muxpro::host_port;
using muxpro::network;
using muxpro::testing::from_hex;

/// 2023-11-14 22:13:20, which the worked examples have.
inline constexpr unix_time example_time{std::chrono::seconds(1700000000)};

inline const shadowsocks_method& method(std::string_view name) { return *find_shadowsocks_method(name); }

inline user_account user_named(std::string name) {
  user_account out;
  out.name = std::move(name);
  return out;
}

/// first, first + 1, ...
inline byte_string counting(std::size_t size, unsigned first = 0) {
  byte_string out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(first + i));
  return out;
}

/// The keys of one user of a method.
struct member {
  std::string name;
  shadowsocks_key key;
};

inline accounts users_of(const std::vector<member>& all) {
  accounts out;
  for (const member& m : all) out.add_tried(user_named(m.name), std::string(as_text(m.key)));
  return out;
}

/// A server and a user of each method that understand each other.
struct pair_of_keys {
  explicit pair_of_keys(std::string_view name, bool identities = false) : m(method(name)) {
    const shadowsocks_key own = m.of_2022 ? counting(m.key_size, 7) : key_of_password("secret", m.key_size);
    const shadowsocks_key other = counting(m.key_size, 99);
    if (identities) server_key = counting(m.key_size, 50);
    users = users_of({{"alice", own}, {"bob", other}});
    if (m.of_2022 && !identities) users = users_of({{"alice", own}});
    who.method = &m;
    if (identities) who.keys.push_back(server_key);
    who.keys.push_back(own);
  }
  shadowsocks_server server() const { return {m, users, server_key}; }

  const shadowsocks_method& m;
  shadowsocks_key server_key;
  accounts users;
  shadowsocks_client who;
};

inline const std::vector<std::pair<std::string, bool>>& all_ways() {
  static const std::vector<std::pair<std::string, bool>> ways{
      {"aes-128-gcm", false},
      {"aes-256-gcm", false},
      {"chacha20-ietf-poly1305", false},
      {"xchacha20-ietf-poly1305", false},
      {"2022-blake3-aes-128-gcm", false},
      {"2022-blake3-aes-256-gcm", false},
      {"2022-blake3-chacha20-poly1305", false},
      {"2022-blake3-aes-128-gcm", true},
      {"2022-blake3-aes-256-gcm", true},
  };
  return ways;
}

/// The text of all pieces; what follows the last whole one stays in `in`.
inline byte_string open_all(chunk_opener& opener, byte_string& in, std::error_code& ec) {
  byte_string out;
  std::size_t at = 0;
  while (!ec && in.size() - at >= opener.size()) {
    byte_string room(opener.text() + 64);
    const byte_string piece(in.begin() + static_cast<std::ptrdiff_t>(at),
                            in.begin() + static_cast<std::ptrdiff_t>(at + opener.size()));
    at += piece.size();
    const std::size_t n = opener.open(piece, room.data(), ec);
    out.insert(out.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
  }
  in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at));
  return out;
}

inline byte_string seal_all(chunk_sealer& sealer, const_bytes text) {
  byte_string out;
  append_sealed(out, sealer, text);
  return out;
}

inline unix_time of_example() { return example_time; }

/// What a client sends first.
inline byte_string request_of(const shadowsocks_client& who, const destination& target, const_bytes first) {
  return seal_all(*shadowsocks_request(who, target, of_example).sealer, first);
}

}  // namespace shadowsocks_test
