#include "proxy/socks/wire.hpp"

#include <algorithm>
#include <array>

namespace muxpro::proxy {

namespace {

enum address_type : std::uint8_t { ipv4 = 1, name = 3, ipv6 = 4 };

std::optional<address> read_host(byte_reader& r) {
  switch (r.number(1)) {
    case ipv4: return address::v4(take_octets<4>(r));
    case ipv6: return address::v6(take_octets<16>(r));
    case name: return address(as_text(r.counted(1)));
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<host_port> read_socks_address(byte_reader& r) {
  auto host = read_host(r);
  if (!host) return std::nullopt;
  return host_port(*std::move(host), static_cast<std::uint16_t>(r.number(2)));
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
