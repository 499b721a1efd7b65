// Servers of VMess, and clients that are no outbound.
#pragma once

#include "sealed_client.hpp"

#include "proxy/inbound/vmess.hpp"
#include "proxy/vmess/body.hpp"
#include "proxy/vmess/client.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vmess_test {

using namespace loopback_test;

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

inline awaitable<std::shared_ptr<connection>> open_to(standing& x, vmess_account a, destination target) {
  tcp::socket s = co_await x.connect();
  co_return make_chunked(make_connection(std::move(s)), vmess_client_codecs(a, target, seconds()), {});
}

}  // namespace vmess_test
