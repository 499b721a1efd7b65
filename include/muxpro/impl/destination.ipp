#pragma once

#include <muxpro/destination.hpp>

#include <algorithm>
#if defined(_WIN32)
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <sys/socket.h>
#endif

namespace muxpro {

MUXPRO_DECL address::address(std::string_view text) {
  std::string_view literal = text;
  if (literal.size() > 2 && literal.front() == '[' && literal.back() == ']')
    literal = literal.substr(1, literal.size() - 2);
  char buffer[INET6_ADDRSTRLEN] = {};
  if (literal.size() < sizeof buffer && literal.find('\0') == std::string_view::npos) {
    std::copy(literal.begin(), literal.end(), buffer);
    const bool bracketed = literal.size() != text.size();
    if (!bracketed && ::inet_pton(AF_INET, buffer, octets_.data()) == 1) {
      kind_ = kind::ipv4;
      return;
    }
    if (::inet_pton(AF_INET6, buffer, octets_.data()) == 1) {
      kind_ = kind::ipv6;
      return;
    }
  }
  octets_ = {};
  kind_ = kind::domain;
  name_ = text;
}

MUXPRO_DECL address address::v4(const std::array<std::uint8_t, 4>& octets) noexcept {
  address a;
  std::copy(octets.begin(), octets.end(), a.octets_.begin());
  return a;
}

MUXPRO_DECL address address::v6(const std::array<std::uint8_t, 16>& octets) noexcept {
  address a;
  a.kind_ = kind::ipv6;
  a.octets_ = octets;
  return a;
}

MUXPRO_DECL std::span<const std::uint8_t> address::octets() const noexcept {
  const std::size_t size = kind_ == kind::ipv4 ? 4 : kind_ == kind::ipv6 ? 16 : 0;
  return {octets_.data(), size};
}

MUXPRO_DECL bool address::valid() const noexcept {
  if (kind_ != kind::domain) return true;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !name_.empty() && name_.size() <= 255 && std::all_of(name_.begin(), name_.end(), allowed);
}

MUXPRO_DECL std::string address::to_string() const {
  if (kind_ == kind::domain) return name_;
  char buffer[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(kind_ == kind::ipv4 ? AF_INET : AF_INET6, octets_.data(), buffer, sizeof buffer);
  return buffer;
}

MUXPRO_DECL std::string to_string(const host_port& hp) {
  if (hp.host.type() == address::kind::ipv6) return fmt::format("[{}]:{}", hp.host.to_string(), hp.port);
  return fmt::format("{}:{}", hp.host.to_string(), hp.port);
}

MUXPRO_DECL std::string to_string(const destination& d) {
  const char* net = d.net == network::tcp ? "tcp" : d.net == network::udp ? "udp" : "?";
  return fmt::format("{}:{}", net, to_string(host_port{d.host, d.port}));
}

}  // namespace muxpro
