#include "proxy/dial/system_names.hpp"

#include "proxy/names/address_order.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/net/unique_fd.hpp"

#include <asio/ip/udp.hpp>

#include <ares.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr duration between_looks = std::chrono::seconds(1);

// Block lists in this form have some MB.
constexpr std::size_t longest_hosts = 16 * 1024 * 1024;
// glibc has 6 domains in old versions, and no bound since 2.26.
constexpr std::size_t most_domains = 6;
constexpr std::size_t most_servers = 3;  // resolv.conf(5), MAXNS
// c-ares has 5 s by default, and doubles it with each round. A name has 5 s in all.
constexpr int longest_timeout = 1000;
constexpr int most_tries = 3;

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

hosts_file read_hosts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 4096> part{};
  do {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  } while (file && text.size() < longest_hosts);
  return hosts_file(text);
}

struct channel_owner {
  ~channel_owner() {
    if (channel) ares_destroy(channel);
  }
  ares_channel channel = nullptr;
};

asio::ip::address address_of(const ares_addr_port_node& n) {
  if (n.family == AF_INET) return asio::ip::address_v4(ntohl(n.addr.addr4.s_addr));
  asio::ip::address_v6::bytes_type b{};
  std::memcpy(b.data(), &n.addr.addr6, b.size());
  return asio::ip::address_v6(b);
}

// What is there instead came with c-ares 1.24.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
int get_servers(ares_channel channel, ares_addr_port_node*& list) {
  return ares_get_servers_ports(channel, &list);
}
#pragma GCC diagnostic pop

void take_servers(ares_channel channel, dns_servers& to) {
  ares_addr_port_node* list = nullptr;
  if (get_servers(channel, list) != ARES_SUCCESS) return;
  for (const ares_addr_port_node* n = list; n && to.addresses.size() < most_servers; n = n->next)
    to.addresses.push_back(address_of(*n));
  ares_free_data(list);
}

void take_options(ares_channel channel, dns_servers& to) {
  ares_options o{};
  int mask = 0;
  if (ares_save_options(channel, &o, &mask) == ARES_SUCCESS) {
    for (int i = 0; i < o.ndomains && to.domains.size() < most_domains; ++i)
      to.domains.emplace_back(o.domains[i]);
    to.timeout = o.timeout;
    to.tries = o.tries;
    to.rotate = (mask & ARES_OPT_ROTATE) != 0;
  }
  ares_destroy_options(&o);
}

// Without a channel there are no servers.
dns_servers read_servers(const name_sources& from) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  dns_servers s;
  ares_options o{};
  std::string path = from.resolv_conf;
  o.resolvconf_path = path.data();
  channel_owner owner;
  if (library != ARES_SUCCESS || ares_init_options(&owner.channel, &o, ARES_OPT_RESOLVCONF) != ARES_SUCCESS)
    return s;
  take_servers(owner.channel, s);
  take_options(owner.channel, s);
  s.timeout = std::clamp(s.timeout, 1, longest_timeout);
  s.tries = std::clamp(s.tries, 1, most_tries);
  s.port = from.port;
  return s;
}

bool leads_to_others(const asio::ip::address& a) {
  if (!a.is_v6() || a.is_loopback() || a.is_unspecified()) return false;
  return !a.to_v6().is_link_local() && !a.to_v6().is_v4_mapped();
}

possible_address with_source(const asio::ip::address& to) {
  asio::ip::udp::endpoint e(to, 53);  // any port
  const unique_fd s(::socket(to.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!s || ::connect(s.get(), e.data(), static_cast<socklen_t>(e.size())) != 0) return {to, false, {}};
  asio::ip::udp::endpoint from;
  auto size = static_cast<socklen_t>(from.capacity());
  if (::getsockname(s.get(), from.data(), &size) != 0) return {to, false, {}};
  from.resize(size);
  return {to, true, from.address()};
}

}  // namespace

template <class Content, class Read>
std::shared_ptr<const Content> system_names::up_to_date(known<Content>& k, const std::string& path,
                                                        const Read& read) {
  const std::lock_guard lock(mutex_);
  const time_point now = std::chrono::steady_clock::now();
  if (k.content && now - k.looked_at < between_looks) return k.content;
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0) state = {};
  if (!k.content || !same_file(state, k.state)) k.content = std::make_shared<const Content>(read());
  k.state = state;
  k.looked_at = now;
  return k.content;
}

std::shared_ptr<const hosts_file> system_names::hosts() {
  return up_to_date(hosts_, from_.hosts, [this] { return read_hosts(from_.hosts); });
}

std::shared_ptr<const dns_servers> system_names::servers() {
  return up_to_date(servers_, from_.resolv_conf, [this] { return read_servers(from_); });
}

bool system_names::has_ipv6() {
  const std::lock_guard lock(mutex_);
  const time_point now = std::chrono::steady_clock::now();
  if (addresses_looked_at_ == time_point::min() || now - addresses_looked_at_ >= between_looks) {
    const auto all = local_addresses();
    ipv6_ = std::any_of(all.begin(), all.end(), leads_to_others);
    addresses_looked_at_ = now;
  }
  return ipv6_;
}

std::vector<asio::ip::address> by_routes(const std::vector<asio::ip::address>& all) {
  if (all.size() < 2) return all;
  std::vector<possible_address> possible;
  possible.reserve(all.size());
  for (const auto& a : all) possible.push_back(with_source(a));
  return in_order(std::move(possible));
}

}  // namespace muxpro::proxy
