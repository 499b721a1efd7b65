// fake_dns, which gives each name an address of its own, so that a connection's address leads to its name
// before any data. Ring 4, a rule without I/O and clock.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// The protocol of inbounds whose queries a FakeDNS answers, and the outbound that answers, without
/// rules.
inline constexpr std::string_view dns_protocol = "dns", fake_dns_outbound = "fakedns";

/// Category "muxpro.fakedns".
enum class fake_dns_errc {
  /// The address of a pool was given out before a restart, was forgotten, or was never given out.
  unknown_address = 1,
};
/// Its condition is std::errc::host_unreachable.
std::error_code make_error_code(fake_dns_errc e) noexcept;

struct fake_dns_options {
  /// The block of which addresses are taken (RFC 2544, Xray). Empty if the family is not used.
  std::string v4 = "198.18.0.0/15";
  std::string v6 = "fc00::/18";
  /// Names in each pool. Beyond it the least recently used one is forgotten (Xray: 32768).
  std::size_t capacity = 32768;
  /// TTL of answers, in full seconds. It is short, because a forgotten name must not live on in caches (Xray:
  /// 1 s).
  std::chrono::seconds ttl{1};

  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

/// Largest DNS message without EDNS (RFC 1035 section 4.2.1). No answer here is larger, with EDNS or without.
inline constexpr std::size_t max_dns_answer = 512;

/// Thread-safe. The threads of a proxy share one.
class fake_dns {
 public:
  /// Throws std::invalid_argument with the sentence of fake_dns_options::validate().
  explicit fake_dns(const fake_dns_options& options = {});
  ~fake_dns();

  /// Returns the address that stands for a name. Returns nothing if canonical_host() refuses the name, if it
  /// is itself an IP address, or if there is no pool of the family, which is ipv4 or ipv6. An address that
  /// was forgotten is given out again only after all others of its pool.
  std::optional<address> address_of(std::string_view name, address::kind family);

  struct clue {
    bool in_pool = false;
    std::string domain;  ///< empty if forgotten, or never given out
  };
  /// The name that an address of a pool stands for.
  clue find(const address& a);

  /// Returns whether an address of the pools stands for no name.
  bool leads_nowhere(const address& a) {
    const clue c = find(a);
    return c.in_pool && c.domain.empty();
  }

  /// Returns the answer to a DNS query (RFC 1035). A and AAAA are answered from the pools. Any other type and
  /// a family without a pool get NOERROR without records. Invalid queries get FORMERR, NOTIMP, REFUSED (not
  /// of class IN, or no host name) or BADVERS (RFC 6891). Empty for responses and for less than a header,
  /// which must not be answered.
  std::vector<std::byte> answer(const_bytes query);

 private:
  struct pools;
  const std::unique_ptr<pools> pools_;
  const std::chrono::seconds ttl_;
};

}  // namespace muxpro::proxy

template <>
struct std::is_error_code_enum<muxpro::proxy::fake_dns_errc> : std::true_type {};
