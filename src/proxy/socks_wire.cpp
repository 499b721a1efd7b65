#include "socks_wire.hpp"

#include <algorithm>
#include <array>

namespace muxpro::proxy {

namespace {

enum address_type : std::uint8_t { ipv4 = 1, name = 3, ipv6 = 4 };

template <std::size_t N>
std::array<std::uint8_t, N> first_octets(const_bytes in) {
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = octet(in, i);
  return out;
}

address address_of(std::uint8_t type, const_bytes in) {
  if (type == ipv4) return address::v4(first_octets<4>(in));
  if (type == ipv6) return address::v6(first_octets<16>(in));
  return address(text(in));
}

}  // namespace

socks_address read_socks_address(const_bytes in) {
  using status = socks_address::status;
  if (in.empty()) return {};
  const std::uint8_t type = octet(in, 0);
  if (type != ipv4 && type != ipv6 && type != name) return {status::unknown_type, 0, {}};
  if (type == name && in.size() < 2) return {};
  const std::size_t start = type == name ? 2 : 1;
  const std::size_t length = type == ipv4 ? 4 : type == ipv6 ? 16 : octet(in, 1);
  if (in.size() < start + length + 2) return {};
  return {status::complete, start + length + 2,
          host_port(address_of(type, in.subspan(start, length)), word(in, start + length))};
}

std::size_t write_socks_address(const host_port& where, bytes out) noexcept {
  if (!where.host.valid()) return write_socks_address({}, out);
  const address& host = where.host;
  std::byte* at = out.data();
  const auto put = [&at](std::size_t value) { *at++ = static_cast<std::byte>(value); };
  put(host.is_domain() ? name : host.type() == address::kind::ipv4 ? ipv4 : ipv6);
  if (host.is_domain()) put(host.domain().size());
  const const_bytes content =
      host.is_domain() ? std::as_bytes(std::span(host.domain())) : std::as_bytes(host.octets());
  at = std::copy(content.begin(), content.end(), at);
  put(where.port >> 8U);
  put(where.port);
  return static_cast<std::size_t>(at - out.data());
}

void append_socks_address(std::vector<std::byte>& out, const host_port& where) {
  std::array<std::byte, max_socks_address> room;
  const std::size_t size = write_socks_address(where, room);
  out.insert(out.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
}

}  // namespace muxpro::proxy
