// sniff_policy, which decides which connections are sniffed, and how the result is used. Ring 4, a rule
// without I/O and clock.
#pragma once

#include "proxy/fake_dns/fake_dns.hpp"
#include "proxy/sniff/sniffer.hpp"

#include <muxpro/destination.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/geo_files.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

struct sniffing_options {
  bool enabled = false;
  /// Protocols whose host name takes the place of the destination, which are http, tls (https, ssl), quic,
  /// fakedns (fakedns+others).
  std::vector<std::string> dest_override{"http", "tls", "quic", "fakedns"};
  /// Names that never do, as rules of the router spell them. TEXT stands for all names that hold it. An
  /// address of FakeDNS is replaced all the same, here and below, since it leads nowhere.
  std::vector<std::string> domains_excluded;
  /// Destinations that keep their address, as rules of the router spell them.
  std::vector<std::string> ips_excluded;
  /// Ports whose clients wait for the server's first bytes, so that waiting for theirs is lost time:
  /// "25,110".
  std::string ports_excluded;
  /// If true, only FakeDNS is used, and no byte is waited for.
  bool metadata_only = false;
  /// Uses the sniffed name for rules alone and dials the original address, so that a forged name cannot
  /// bypass the dial policy.
  bool route_only = true;
  /// For all waiting together (Xray: 200 ms).
  duration timeout = std::chrono::milliseconds(300);

  /// Empty if every value makes sense, else one sentence that names the option and what is allowed.
  std::string validate() const;
};

struct sniff_decision {
  /// For rules on protocols, overridden or not. Empty if no protocol was found.
  std::string protocol;
  /// The new target if it changes, and the new target for the router alone if only that changes.
  std::optional<destination> target, route_target;

  friend bool operator==(const sniff_decision&, const sniff_decision&) = default;
};

/// The options in a form that is fast to ask. Set up once, then read by any thread.
class sniff_policy {
 public:
  /// Throws std::invalid_argument with one sentence, also about lists of geosite and geoip that `geo` does
  /// not have.
  sniff_policy(const sniffing_options& options, geo_files& geo);
  ~sniff_policy();

  /// Returns whether to wait for first bytes, for options.timeout at most. That is if a name in them may take
  /// the place of the destination, or if rules look at the content.
  bool reads_content(const destination& d, bool for_rules) const;
  duration timeout() const noexcept { return options_.timeout; }
  /// `fake` is the entry of FakeDNS for the destination's address. `content` is the result of sniffers, which
  /// may be empty.
  sniff_decision decide(const destination& d, const fake_dns::clue& fake, const sniff_result& content) const;

 private:
  struct conditions;
  bool overrides(const destination& d, const std::string& domain, const std::string& protocol,
                 bool fake) const;
  bool excludes(const destination& d, const std::string& domain) const;

  const sniffing_options options_;
  const std::unique_ptr<const conditions> conditions_;
  const bool overrides_by_content_;
};

}  // namespace muxpro::proxy
