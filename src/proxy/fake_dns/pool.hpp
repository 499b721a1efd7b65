// Addresses of one block, and the names they stand for.
#pragma once

#include "proxy/base/ip_set.hpp"

#include <muxpro/destination.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace muxpro::proxy {

/// How many addresses a block has, at most 2^62.
std::uint64_t block_size(const ip_prefix& block) noexcept;

class fake_pool {
 public:
  fake_pool(const ip_prefix& block, std::size_t capacity);
  fake_pool(const fake_pool&) = delete;

  address address_of(std::string_view name);
  /// Also where the block is larger than what is ever given out of it.
  bool contains(const address& a) const { return a.type() == family_ && masked(a.octets()) == first_; }
  /// Returns the name of the address, which counts as used. Empty if it stands for no name.
  std::string name_of(const address& a);

 private:
  using octet_array = std::array<std::uint8_t, 16>;
  /// The n-th address of the block.
  using offset = std::uint64_t;
  struct entry {
    std::string name;
    offset at;
  };
  using order = std::list<entry>;  ///< least recently used first

  octet_array masked(std::span<const std::uint8_t> octets) const;
  address at(offset n) const;
  std::optional<offset> offset_of(const address& a) const noexcept;
  offset free_offset();
  void use(order::iterator e) { entries_.splice(entries_.end(), entries_, e); }
  void forget_oldest();

  const address::kind family_;
  const std::size_t octets_, bits_;
  const std::uint64_t size_;
  const std::size_t capacity_;
  octet_array first_;
  offset next_ = 1;  ///< 0 is the address of the network itself
  order entries_;
  std::unordered_map<std::string_view, order::iterator> by_name_;  ///< the keys lie in entries_
  std::unordered_map<offset, order::iterator> by_offset_;
};

}  // namespace muxpro::proxy
