// Values of Xray's messages as texts of a configuration. Ring 4, a rule. All throw api_refusal.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/proxy/settings.hpp>

#include <asio/ip/address.hpp>

#include <string>

namespace muxpro::proxy {

/// In the alphabet of URLs, without padding.
std::string base64_for_urls(const_bytes all);
std::string hex_text(const_bytes all);
/// Numbers with dots between them.
std::string version_text(const_bytes all);

/// 4 or 16 octets.
asio::ip::address address_in(const_bytes octets);
/// IPOrDomain
std::string host_in(const_bytes message);
/// PortList: "80,443,1000-2000"
std::string ports_in(const_bytes message);
/// RangeConfig: "1-5"
std::string number_range_in(const_bytes message);
/// GeoIP or IPRule: "10.0.0.0/8" and "geoip:cn", each with '!' before it where it stands for all other
/// addresses.
setting::list blocks_in(const_bytes message);
/// Domain or DomainRule: "full:NAME", "geosite:cn@ads"
std::string name_rule_in(const_bytes message);

}  // namespace muxpro::proxy
