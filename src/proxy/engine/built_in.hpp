// add_..._inbound() and others: register the built-in protocols and layers in registry::global(). Each
// function is defined beside its protocol or layer.
#pragma once

#include <muxpro/proxy/registry.hpp>

namespace muxpro::proxy {

void add_socks_inbound(registry& to);
void add_http_inbound(registry& to);
void add_mixed_inbound(registry& to);
void add_mux_inbound(registry& to);
void add_dokodemo_inbound(registry& to);
void add_dns_inbound(registry& to);
void add_vless_inbound(registry& to);
void add_trojan_inbound(registry& to);
void add_shadowsocks_inbound(registry& to);
void add_vmess_inbound(registry& to);
void add_freedom_outbound(registry& to);
void add_blackhole_outbound(registry& to);
void add_mux_outbound(registry& to);
void add_socks_outbound(registry& to);
void add_http_outbound(registry& to);
void add_dns_outbound(registry& to);
void add_vless_outbound(registry& to);
void add_trojan_outbound(registry& to);
void add_shadowsocks_outbound(registry& to);
void add_vmess_outbound(registry& to);
void add_plain_transports(registry& to);
void add_tls(registry& to);
void add_reality(registry& to);
void add_websocket(registry& to);
void add_grpc(registry& to);
void add_xhttp(registry& to);

}  // namespace muxpro::proxy
