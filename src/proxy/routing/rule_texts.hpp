// add_domain_rule(), ip_rules: parse the domains and addresses of rules.
#pragma once

#include "proxy/base/ip_set.hpp"
#include "proxy/routing/domain_index.hpp"

#include <muxpro/proxy/geo_files.hpp>

#include <asio/ip/address.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// full:NAME, domain:NAME, keyword:TEXT, TEXT, regexp:EXPRESSION, dotless:TEXT, geosite:LIST[@ATTRIBUTE]...,
/// ext:FILE:LIST[@ATTRIBUTE]..., of which ext-domain: is another name. Returns an empty string, or what is
/// wrong with it.
std::string add_domain_rule(domain_index& to, std::string_view text, domain_index::value v, geo_files& geo);

/// A condition on an address. One of the positive items suffices. Without one, all negated ones must hold.
class ip_rules {
 public:
  /// An address, a block, geoip:LIST or ext:FILE:LIST (also ext-ip:FILE:LIST), each with '!' in front for the
  /// contrary, which may also stand in front of LIST. Empty, or what is wrong with it.
  std::string add(std::string_view text, geo_files& geo);
  /// After the last add().
  void finish();
  /// The address itself, or the IPv4 address that unmapped() finds in it.
  bool match(const asio::ip::address& a) const;

 private:
  void add_private(bool negated);
  std::string add_list(std::string_view file_and_list, bool negated, geo_files& geo);

  std::vector<ip_prefix> blocks_, negated_blocks_;
  ip_set in_, out_;
  bool any_negated_ = false;
};

}  // namespace muxpro::proxy
