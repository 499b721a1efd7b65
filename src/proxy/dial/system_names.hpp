// system_names, the hosts file, DNS servers and addresses of this machine. Ring 4.
#pragma once

#include "proxy/names/hosts_file.hpp"

#include <muxpro/options.hpp>

#include <asio/ip/address.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace muxpro::proxy {

/// Where a resolver looks. Others than the system's are for tests.
struct name_sources {
  std::string hosts = "/etc/hosts";
  std::string resolv_conf = "/etc/resolv.conf";
  std::uint16_t port = 53;  ///< of all servers
  std::string authority;    ///< PEM file with authorities for servers of HTTPS, empty for the system's
};

/// As c-ares reads resolv.conf and its environment variables.
struct dns_servers {
  std::vector<asio::ip::address> addresses;  ///< empty if c-ares cannot be used
  std::vector<std::string> domains;          ///< that complete a name without a dot
  bool rotate = false;
  int timeout = 0, tries = 0;  ///< of a query to one server in ms, and queries to each server
  std::uint16_t port = 0;
};

/// Any thread. Files are read again when they have changed, which is looked at once in a second.
class system_names {
 public:
  explicit system_names(name_sources from) : from_(std::move(from)) {}

  std::shared_ptr<const hosts_file> hosts();
  std::shared_ptr<const dns_servers> servers();
  /// Whether an interface has an IPv6 address that packets to other machines can leave with.
  bool has_ipv6();

 private:
  template <class Content>
  struct known {
    std::shared_ptr<const Content> content;
    time_point looked_at = time_point::min();
    struct stat state {};
  };
  template <class Content, class Read>
  std::shared_ptr<const Content> up_to_date(known<Content>& k, const std::string& path, const Read& read);

  const name_sources from_;
  std::mutex mutex_;
  known<hosts_file> hosts_;
  known<dns_servers> servers_;
  time_point addresses_looked_at_ = time_point::min();
  bool ipv6_ = false;
};

/// The source of packets to each of them, found by the routes without sending any.
std::vector<asio::ip::address> by_routes(const std::vector<asio::ip::address>& all);

}  // namespace muxpro::proxy
