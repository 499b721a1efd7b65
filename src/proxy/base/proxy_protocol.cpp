#include "proxy/base/proxy_protocol.hpp"

#include "proxy/base/addresses.hpp"

#include <muxpro/codec.hpp>

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace muxpro::proxy {

namespace {

using asio::ip::tcp;

constexpr std::array<std::uint8_t, 12> signature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/// A message, to which bytes are appended.
struct header {
  void text(std::string_view t) { raw(std::as_bytes(std::span(t))); }
  void raw(const_bytes b) { bytes.insert(bytes.end(), b.begin(), b.end()); }
  void number(unsigned n) {
    bytes.push_back(static_cast<std::byte>(n >> 8U));
    bytes.push_back(static_cast<std::byte>(n));
  }
  void octets(const asio::ip::address& a) {
    const host_port place = to_host_port({a, 0});
    raw(std::as_bytes(place.host.octets()));
  }
  std::vector<std::byte> bytes;
};

bool is_known(const tcp::endpoint& a, const tcp::endpoint& b) {
  return !a.address().is_unspecified() && !b.address().is_unspecified() &&
         a.address().is_v4() == b.address().is_v4();
}

// An address without its zone, which is of this machine alone.
std::string shown_end(const asio::ip::address& a) {
  return a.is_v4() ? a.to_string() : asio::ip::make_address_v6(a.to_v6().to_bytes()).to_string();
}

std::vector<std::byte> as_text_line(const tcp::endpoint& from, const tcp::endpoint& to) {
  header out;
  if (is_known(from, to))
    out.text(fmt::format("PROXY {} {} {} {} {}\r\n", from.address().is_v4() ? "TCP4" : "TCP6",
                         shown_end(from.address()), shown_end(to.address()), from.port(), to.port()));
  else
    out.text("PROXY UNKNOWN\r\n");
  return out.bytes;
}

// A version and a command, a family and a protocol, the length of what follows.
std::vector<std::byte> as_octets(const tcp::endpoint& from, const tcp::endpoint& to) {
  header out;
  out.raw(std::as_bytes(std::span(signature)));
  if (!is_known(from, to)) {
    out.number(0x2000);
    out.number(0);
    return out.bytes;
  }
  const bool v4 = from.address().is_v4();
  out.number(v4 ? 0x2111 : 0x2121);
  out.number(v4 ? 12 : 36);
  out.octets(from.address());
  out.octets(to.address());
  out.number(from.port());
  out.number(to.port());
  return out.bytes;
}

}  // namespace

std::vector<std::byte> proxy_header(unsigned version, const tcp::endpoint& source,
                                    const tcp::endpoint& destination) {
  const tcp::endpoint from(unwrapped(source.address()), source.port());
  const tcp::endpoint to(unwrapped(destination.address()), destination.port());
  return version == 1 ? as_text_line(from, to) : as_octets(from, to);
}

}  // namespace muxpro::proxy
