#include "proxy/fake_dns/pool.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

std::size_t octets_of(const ip_prefix& block) { return block.network.is_v4() ? 4 : 16; }

}  // namespace

std::uint64_t block_size(const ip_prefix& block) noexcept {
  const auto host_bits = octets_of(block) * 8 - block.bits;
  return std::uint64_t{1} << std::min<std::size_t>(host_bits, 62);
}

fake_pool::fake_pool(const ip_prefix& block, std::size_t capacity)
    : family_(block.network.is_v4() ? address::kind::ipv4 : address::kind::ipv6),
      octets_(octets_of(block)),
      bits_(block.bits),
      size_(block_size(block)),
      capacity_(capacity) {
  first_ = block.network.is_v4() ? masked(block.network.to_v4().to_bytes())
                                 : masked(block.network.to_v6().to_bytes());
}

// Without the host bits.
fake_pool::octet_array fake_pool::masked(std::span<const std::uint8_t> octets) const {
  octet_array out{};
  std::copy(octets.begin(), octets.end(), out.begin());
  for (std::size_t bit = bits_; bit < octets_ * 8; ++bit)
    out[bit / 8] = static_cast<std::uint8_t>(out[bit / 8] & ~(0x80 >> bit % 8));
  return out;
}

address fake_pool::address_of(std::string_view name) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) {
    use(known->second);
    return at(known->second->at);
  }
  if (entries_.size() == capacity_) forget_oldest();
  const auto e = entries_.insert(entries_.end(), {std::string(name), free_offset()});
  by_name_.emplace(e->name, e);
  by_offset_.emplace(e->at, e);
  return at(e->at);
}

std::string fake_pool::name_of(const address& a) {
  const auto n = offset_of(a);
  const auto known = n ? by_offset_.find(*n) : by_offset_.end();
  if (known == by_offset_.end()) return {};
  use(known->second);
  return known->second->name;
}

address fake_pool::at(offset n) const {
  auto octets = first_;
  for (std::size_t i = octets_; i-- > 0 && n != 0; n >>= 8)
    octets[i] = static_cast<std::uint8_t>(octets[i] | (n & 0xff));
  if (family_ == address::kind::ipv6) return address::v6(octets);
  return address::v4({octets[0], octets[1], octets[2], octets[3]});
}

// Returns nothing for addresses beyond the block, or beyond the part of it that is given out.
std::optional<fake_pool::offset> fake_pool::offset_of(const address& a) const noexcept {
  if (a.type() != family_) return std::nullopt;
  const auto octets = a.octets();
  offset n = 0;
  for (std::size_t i = 0; i < octets_; ++i) {
    if (n >> 54 != 0) return std::nullopt;
    n = n << 8 | (octets[i] ^ first_[i]);
  }
  return n < size_ ? std::optional(n) : std::nullopt;
}

// Round and round, so that an address rests for as long as it can. Those in use are at most half of the
// block.
fake_pool::offset fake_pool::free_offset() {
  offset n = 0;
  do {
    n = next_;
    next_ = next_ + 1 == size_ ? 1 : next_ + 1;
  } while (by_offset_.contains(n));
  return n;
}

void fake_pool::forget_oldest() {
  by_name_.erase(entries_.front().name);
  by_offset_.erase(entries_.front().at);
  entries_.pop_front();
}

}  // namespace muxpro::proxy
