// dial_policy, which decides what may be dialled by the address itself, after DNS and after un-mapping. Ring
// 4, a rule without I/O.
#pragma once

#include "proxy/policy/own_addresses.hpp"
#include "proxy/policy/own_dials.hpp"

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Returns the IPv4 address that an IPv6 address leads to, by mapped and compatible (RFC 4291), NAT64 (RFC
/// 6052), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP (RFC 5214). Any other address, and an IPv4 one, is
/// returned as it is, without its zone.
asio::ip::address unmapped(const asio::ip::address& a);

/// Returns whether the address is for a private or special use (RFC 6890 and its registries), that is
/// loopback, link-local, private, shared, unique-local, documentation, multicast, reserved or unspecified.
/// Checks unmapped(a), too.
bool is_private(const asio::ip::address& a);

/// Returns a name as policies compare it, in lower case and without one trailing dot.
std::string normalized(std::string_view name);

enum class verdict : std::uint8_t { allowed, private_address, own_address, own_listener, blocked_name };
const char* to_string(verdict v) noexcept;

/// Set up before it is used, then read by any thread. Listeners may come and go meanwhile.
class dial_policy {
 public:
  /// `own` are the addresses of this machine. If null, only the loopback counts as such.
  explicit dial_policy(std::shared_ptr<const own_addresses> own);
  dial_policy() : dial_policy(nullptr) {}
  /// If false, the addresses of this machine are refused, and those for which is_private() holds. A service
  /// of this machine behind a firewall is as private by its public address as by the loopback.
  void allow_private(bool allowed) noexcept { allow_private_ = allowed; }
  /// A listener of this process, which may never be dialled. One on the unspecified address stands for every
  /// address of this machine.
  void own_listener(const asio::ip::tcp::endpoint& at);
  /// It has been closed.
  void forget_listener(const asio::ip::tcp::endpoint& at);
  /// Names to refuse before any DNS query, each with its sub-domains.
  void block(std::string_view name);

  verdict check(const asio::ip::address& a, std::uint16_t port) const;
  verdict check_name(std::string_view name) const;
  /// Sets where dials of targets are remembered. If null, they are not remembered.
  void remember_dials(std::shared_ptr<own_dials> in) noexcept { dials_ = std::move(in); }
  own_dials* dials() const noexcept { return dials_.get(); }
  /// Whether `a` leads to this machine.
  bool is_own(const asio::ip::address& a) const { return own_->contains(unmapped(a)); }

 private:
  const std::shared_ptr<const own_addresses> own_;
  std::shared_ptr<own_dials> dials_;
  bool allow_private_ = false;
  struct own_listeners {
    mutable std::shared_mutex access;
    std::vector<asio::ip::tcp::endpoint> all;
  };
  const std::shared_ptr<own_listeners> listeners_ = std::make_shared<own_listeners>();
  std::unordered_set<std::string> blocked_;
};

}  // namespace muxpro::proxy
