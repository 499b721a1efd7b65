#include "proxy/fake_dns/fake_dns.hpp"

#include "proxy/base/host_name.hpp"
#include "proxy/fake_dns/pool.hpp"

#include <muxpro/option_range.hpp>

#include <fmt/format.h>

#include <mutex>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_names = 1 << 20;

// Returns the mistake of a block that is invalid, of another family, or too small for the capacity.
std::string mistake_in(const char* option, const std::string& text, bool v4, std::size_t capacity) {
  if (text.empty()) return {};
  const auto block = ip_prefix::parse(text);
  if (!block || block->network.is_v4() != v4)
    return fmt::format("{} is '{}', it must be empty or an {} block such as {}", option, text,
                       v4 ? "IPv4" : "IPv6", v4 ? "198.18.0.0/15" : "fc00::/18");
  if (block_size(*block) / 2 < capacity)
    return fmt::format("{} is '{}', it must have twice as many addresses as capacity, which is {}", option,
                       text, capacity);
  return {};
}

class fake_dns_category final : public std::error_category {
  const char* name() const noexcept override { return "muxpro.fakedns"; }
  std::string message(int) const override { return "no name belongs to this address of FakeDNS"; }
  std::error_condition default_error_condition(int) const noexcept override {
    return std::errc::host_unreachable;
  }
};

}  // namespace

std::error_code make_error_code(fake_dns_errc e) noexcept {
  static const fake_dns_category only;
  return {static_cast<int>(e), only};
}

std::string fake_dns_options::validate() const {
  for (std::string mistake :
       {out_of_range<std::size_t>({{"capacity", capacity, 1, most_names}}),
        out_of_range<long long>({{"ttl (s)", static_cast<long long>(ttl.count()), 1, 86400}}),
        mistake_in("v4", v4, true, capacity), mistake_in("v6", v6, false, capacity)})
    if (!mistake.empty()) return mistake;
  return {};
}

struct fake_dns::pools {
  std::optional<fake_pool>* of(address::kind family) {
    if (family == address::kind::domain) return nullptr;
    return family == address::kind::ipv4 ? &v4 : &v6;
  }

  std::mutex mutex;
  std::optional<fake_pool> v4, v6;
};

fake_dns::fake_dns(const fake_dns_options& options) : pools_(std::make_unique<pools>()), ttl_(options.ttl) {
  if (const std::string mistake = options.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
  if (!options.v4.empty()) pools_->v4.emplace(*ip_prefix::parse(options.v4), options.capacity);
  if (!options.v6.empty()) pools_->v6.emplace(*ip_prefix::parse(options.v6), options.capacity);
}

fake_dns::~fake_dns() = default;

std::optional<address> fake_dns::address_of(std::string_view name, address::kind family) {
  const auto host = canonical_host(name);
  const auto pool = pools_->of(family);
  if (!host || !pool || !*pool || !address(*host).is_domain()) return std::nullopt;
  const std::lock_guard lock(pools_->mutex);
  return (*pool)->address_of(*host);
}

fake_dns::clue fake_dns::find(const address& a) {
  const auto pool = pools_->of(a.type());
  if (!pool || !*pool || !(*pool)->contains(a)) return {};
  const std::lock_guard lock(pools_->mutex);
  return {true, (*pool)->name_of(a)};
}

}  // namespace muxpro::proxy
