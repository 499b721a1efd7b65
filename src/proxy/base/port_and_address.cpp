#include "proxy/base/port_and_address.hpp"

#include <cstdint>
#include <span>

namespace muxpro::proxy {

namespace {

std::optional<address> read_host_behind_port(byte_reader& r) {
  switch (static_cast<address::kind>(r.number(1))) {
    case address::kind::ipv4: return address::v4(take_octets<4>(r));
    case address::kind::domain: return address(as_text(r.counted(1)));
    case address::kind::ipv6: return address::v6(take_octets<16>(r));
  }
  return std::nullopt;
}

}  // namespace

std::optional<host_port> read_port_and_address(byte_reader& r) {
  const auto port = static_cast<std::uint16_t>(r.number(2));
  auto host = read_host_behind_port(r);
  if (!host || !r.good()) return std::nullopt;
  return host_port(*std::move(host), port);
}

void append_port_and_address(std::vector<std::byte>& out, const host_port& where) {
  const address& host = where.host;
  const auto put = [&out](std::size_t value) { out.push_back(static_cast<std::byte>(value)); };
  put(where.port >> 8U);
  put(where.port);
  put(static_cast<std::size_t>(host.type()));
  if (host.is_domain()) put(host.domain().size());
  const const_bytes content =
      host.is_domain() ? std::as_bytes(std::span(host.domain())) : std::as_bytes(host.octets());
  out.insert(out.end(), content.begin(), content.end());
}

}  // namespace muxpro::proxy
