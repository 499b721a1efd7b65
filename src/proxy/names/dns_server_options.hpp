// A server of "dns" in a configuration. Ring 4, a rule without I/O.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/options.hpp>

#include <asio/ip/address.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Which addresses of names are asked for. as_system asks for IPv6 only if an interface can reach other hosts
/// by it.
enum class name_family : std::uint8_t { as_system, both, ipv4, ipv6 };

enum class dns_transport : std::uint8_t {
  system,  ///< the servers of this machine
  fakes,   ///< FakeDNS, for queries of clients alone
  udp,     ///< and TCP for what does not fit
  tcp,
  https  ///< RFC 8484, over HTTP/2
};

struct dns_server_options {
  dns_transport transport = dns_transport::system;
  /// The address of udp, tcp and https. The host may be a name of "hosts", or of the system's servers.
  host_port at;
  bool local = false;  ///< queries go out past the rules
  bool tls = true;     ///< of https, false for HTTP/2 without TLS
  std::string path;    ///< of https, with the query
  std::string tag;     ///< the inbound of its queries for the rules
  duration timeout = std::chrono::seconds(4);
  name_family family = name_family::both;  ///< of those that dns_options::family leaves
  /// The client whose network is sent to the server (RFC 7871). Without a value it is not sent.
  std::optional<asio::ip::address> client;
  bool cache = true;
  /// How long its addresses serve when their time is over, until there are others.
  duration stale{0};
  /// Names that it is asked for first, as rules spell them. Empty for all.
  std::vector<std::string> domains;
  /// Addresses that its answers must have, and must not have, as rules spell them. Others are left out.
  std::vector<std::string> expected, unexpected;
  /// Others are left out only if some are left.
  bool prefers_expected = false, avoids_unexpected = false;
  /// Whether it is not asked for names that are not its own.
  bool skip_fallback = false;
  /// Whether no server is asked after it.
  bool final_query = false;

  bool operator==(const dns_server_options&) const = default;
};

/// Takes transport, address and path off the text of a configuration, which is "localhost", "fakedns", an
/// address, a name, udp://, tcp://, tcp+local://, https://, https+local://, h2c:// or h2c+local://. Returns
/// false for any other text.
bool read_dns_server_address(std::string_view text, dns_server_options& to);

}  // namespace muxpro::proxy
