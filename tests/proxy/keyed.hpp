// Servers of VLESS and Trojan, and what their clients send.
#pragma once

#include "loopback.hpp"

#include "proxy/inbound/keyed.hpp"
#include "proxy/outbound/keyed.hpp"
#include "proxy/trojan/packets.hpp"
#include "proxy/trojan/request.hpp"
#include "proxy/vless/packets.hpp"
#include "proxy/vless/request.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyed_test {

using namespace loopback_test;
using byte_string = std::vector<std::byte>;

/// One of the protocols, with a user "alice".
struct protocol {
  std::string name;
  const keyed_protocol* server;
  std::function<byte_string(const destination&)> request;
  head_reader response;
  std::string key;
  std::string response_text;

  std::string head(const destination& d) const { return test::to_text(request(d)); }
  std::string packet(const host_port& where, std::string_view data) const {
    byte_string out;
    server->framing.append(out, where, std::as_bytes(std::span(data)));
    return test::to_text(out);
  }
  keyed_inbound_options inbound_options() const {
    keyed_inbound_options o(*server);
    user_account alice;
    alice.name = "alice";
    o.users.add_key(alice, key);
    return o;
  }
  std::shared_ptr<const inbound> made() const { return std::make_shared<keyed_inbound>(inbound_options()); }
  keyed_outbound_options outbound_options() const {
    keyed_outbound_options o;
    o.request = request;
    o.response = response;
    o.framing = server->framing;
    return o;
  }
};

inline protocol of_vless() {
  const uuid id = *parse_uuid("alice");
  return {"vless",
          &vless(),
          [id](const destination& d) { return vless_request(id, d); },
          read_vless_response,
          vless_key(id),
          std::string(2, '\0')};
}

inline protocol of_trojan() {
  const std::string key = trojan_key("alice");
  return {"trojan", &trojan(), [key](const destination& d) { return trojan_request(key, d); }, {}, key, ""};
}

inline std::vector<protocol> both() { return {of_vless(), of_trojan()}; }

}  // namespace keyed_test
