#include "proxy/vmess/shake128.hpp"

#include <bit>
#include <cassert>

namespace muxpro::proxy {

namespace {

// The round constants (FIPS 202, 3.2.5 iota).
constexpr std::array<std::uint64_t, 24> round_constants{
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

void theta(std::array<std::uint64_t, 25>& a) noexcept {
  std::array<std::uint64_t, 5> c{};
  for (std::size_t i = 0; i < 25; ++i) c[i % 5] ^= a[i];
  for (std::size_t i = 0; i < 25; ++i) a[i] ^= c[(i + 4) % 5] ^ std::rotl(c[(i + 1) % 5], 1);
}

void rho_and_pi(std::array<std::uint64_t, 25>& a) noexcept {
  std::size_t x = 1, y = 0;
  std::uint64_t moved = a[1];
  for (int t = 0; t < 24; ++t) {
    const std::size_t next_y = (2 * x + 3 * y) % 5;
    x = y;
    y = next_y;
    const std::uint64_t there = a[x + 5 * y];
    a[x + 5 * y] = std::rotl(moved, (t + 1) * (t + 2) / 2 % 64);
    moved = there;
  }
}

void chi(std::array<std::uint64_t, 25>& a) noexcept {
  for (std::size_t y = 0; y < 25; y += 5) {
    const std::array<std::uint64_t, 5> row{a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]};
    for (std::size_t x = 0; x < 5; ++x) a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
  }
}

void add_byte(std::array<std::uint64_t, 25>& a, std::size_t at, std::uint64_t b) noexcept {
  a[at / 8] ^= b << (8 * (at % 8));
}

}  // namespace

shake128::shake128(const_bytes message) noexcept {
  assert(message.size() < rate);
  for (std::size_t i = 0; i < message.size(); ++i)
    add_byte(lanes_, i, std::to_integer<std::uint64_t>(message[i]));
  add_byte(lanes_, message.size(), 0x1f);
  add_byte(lanes_, rate - 1, 0x80);
  permute();
}

std::byte shake128::next() noexcept {
  if (at_ == rate) {
    permute();
    at_ = 0;
  }
  const std::uint64_t lane = lanes_[at_ / 8];
  return static_cast<std::byte>(lane >> (8 * (at_++ % 8)));
}

std::uint16_t shake128::next_word() noexcept {
  const auto high = std::to_integer<unsigned>(next());
  return static_cast<std::uint16_t>(high << 8U | std::to_integer<unsigned>(next()));
}

void shake128::permute() noexcept {
  for (const std::uint64_t constant : round_constants) {
    theta(lanes_);
    rho_and_pi(lanes_);
    chi(lanes_);
    lanes_[0] ^= constant;
  }
}

}  // namespace muxpro::proxy
