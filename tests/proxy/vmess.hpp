// Servers of VMess, and clients that are no outbound.
#pragma once

#include "loopback.hpp"

#include "proxy/inbound/vmess.hpp"
#include "proxy/transport/chunk_stream.hpp"
#include "proxy/vmess/body.hpp"
#include "proxy/vmess/client.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vmess_test {

using namespace loopback_test;
using byte_string = std::vector<std::byte>;

inline std::int64_t seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}
inline vmess_user alice() { return vmess_user(*parse_uuid("alice")); }

inline vmess_inbound_options server_options() {
  vmess_inbound_options o;
  for (const char* name : {"bob", "carol", "alice"}) {
    user_account user;
    user.name = name;
    o.keyed.users.add_tried(std::move(user), vmess_user(*parse_uuid(name)).stored());
  }
  return o;
}
inline std::shared_ptr<const inbound> server() { return std::make_shared<vmess_inbound>(server_options()); }

inline vmess_account account(vmess_account::cipher c = vmess_account::cipher::aes_128_gcm,
                             bool authenticated_lengths = false) {
  vmess_account a;
  a.keys = alice();
  a.security = c;
  a.authenticated_lengths = authenticated_lengths;
  return a;
}

inline std::vector<vmess_account> every_kind() {
  using cipher = vmess_account::cipher;
  return {account(), account(cipher::aes_128_gcm, true), account(cipher::chacha20_poly1305),
          account(cipher::none), account(cipher::zero)};
}

/// What a client sends first.
inline std::string first_bytes(chunk_codecs& codecs, std::string_view text) {
  byte_string out;
  append_sealed(out, *codecs.sealer, std::as_bytes(std::span(text)));
  return test::to_text(out);
}

inline awaitable<std::shared_ptr<connection>> open_to(standing& x, vmess_account a, destination target) {
  tcp::socket s = co_await x.connect();
  co_return make_chunked(make_connection(std::move(s)), vmess_client_codecs(a, target, seconds()), {});
}

inline awaitable<> put(connection& c, std::string text) {
  std::error_code ec;
  co_await c.write(asio::buffer(text), ec);
  CHECK_FALSE(ec);
}
/// `n` bytes, or what comes before the end: "|" if that is clean, "!" if not.
inline awaitable<std::string> get(connection& c, std::size_t n) {
  std::string all, room(n, ' ');
  std::error_code ec;
  while (all.size() < n && !ec) {
    const std::size_t got = co_await c.read_some(asio::buffer(room.data(), n - all.size()), ec);
    all.append(room.data(), got);
  }
  if (ec) all += ec == asio::error::eof ? '|' : '!';
  co_return all;
}

}  // namespace vmess_test
