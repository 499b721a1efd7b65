#include "proxy/engine/built_in.hpp"

namespace muxpro::proxy {

registry& registry::global() {
  static registry all = [] {
    registry out;
    for (auto* const add : {add_socks_inbound,
                            add_http_inbound,
                            add_mixed_inbound,
                            add_mux_inbound,
                            add_dokodemo_inbound,
                            add_dns_inbound,
                            add_vless_inbound,
                            add_vmess_inbound,
                            add_trojan_inbound,
                            add_shadowsocks_inbound,
                            add_freedom_outbound,
                            add_blackhole_outbound,
                            add_dns_outbound,
                            add_mux_outbound,
                            add_socks_outbound,
                            add_http_outbound,
                            add_vless_outbound,
                            add_vmess_outbound,
                            add_trojan_outbound,
                            add_shadowsocks_outbound,
                            add_plain_transports,
                            add_tls,
                            add_reality,
                            add_websocket,
                            add_grpc,
                            add_xhttp})
      add(out);
    return out;
  }();
  return all;
}

}  // namespace muxpro::proxy
