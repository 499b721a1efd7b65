// byte_reader: reads big-endian numbers and byte ranges from untrusted input.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace muxpro::proxy {

inline std::string_view as_text(const_bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

/// Beyond the end everything is 0 and empty, and good() no longer holds. Callers check once, after the last
/// read.
class byte_reader {
 public:
  explicit byte_reader(const_bytes block) noexcept : byte_reader(block, block.size()) {}
  /// A block of `whole` bytes of which `seen` have come.
  byte_reader(const_bytes seen, std::size_t whole) noexcept : seen_(seen), whole_(whole) {}

  bool good() const noexcept { return state_ == state::good; }
  /// A read went beyond what has come, and not beyond the block.
  bool missing() const noexcept { return state_ == state::missing; }
  /// Bytes of the block that were not read yet, come or not.
  std::size_t left() const noexcept { return good() ? whole_ - at_ : 0; }
  std::size_t position() const noexcept { return at_; }

  const_bytes take(std::size_t n) noexcept {
    if (!good()) return {};
    if (n > whole_ - at_) return fail(state::broken);
    if (at_ + n > seen_.size()) return fail(state::missing);
    at_ += n;
    return seen_.subspan(at_ - n, n);
  }
  std::uint64_t number(std::size_t octets) noexcept {
    std::uint64_t n = 0;
    for (const std::byte b : take(octets)) n = n << 8 | std::to_integer<std::uint64_t>(b);
    return n;
  }
  std::size_t size(std::size_t octets) noexcept { return static_cast<std::size_t>(number(octets)); }
  /// What comes first is its own length in so many octets.
  const_bytes counted(std::size_t octets) noexcept { return take(size(octets)); }
  const_bytes rest() noexcept { return take(left()); }

 private:
  enum class state : std::uint8_t { good, missing, broken };
  const_bytes fail(state why) noexcept {
    state_ = why;
    return {};
  }

  const_bytes seen_;
  std::size_t whole_;
  std::size_t at_ = 0;
  state state_ = state::good;
};

template <std::size_t N>
std::array<std::uint8_t, N> take_octets(byte_reader& r) {
  std::array<std::uint8_t, N> out{};
  if (const const_bytes all = r.take(N); all.size() == N) std::memcpy(out.data(), all.data(), N);
  return out;
}

}  // namespace muxpro::proxy
