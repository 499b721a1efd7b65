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
    if (!bracketed && ::inet_pton(AF_INET, buffer, value_.emplace<v4_octets>().data()) == 1) return;
    if (::inet_pton(AF_INET6, buffer, value_.emplace<v6_octets>().data()) == 1) return;
  }
  value_.emplace<std::string>(text);
}

MUXPRO_DECL address address::v4(const std::array<std::uint8_t, 4>& octets) noexcept {
  address a;
  a.value_ = octets;
  return a;
}

MUXPRO_DECL address address::v6(const std::array<std::uint8_t, 16>& octets) noexcept {
  address a;
  a.value_ = octets;
  return a;
}

MUXPRO_DECL std::span<const std::uint8_t> address::octets() const noexcept {
  if (const auto* const v4 = std::get_if<v4_octets>(&value_)) return *v4;
  if (const auto* const v6 = std::get_if<v6_octets>(&value_)) return *v6;
  return {};
}

MUXPRO_DECL std::string_view address::domain() const noexcept {
  const auto* const name = std::get_if<std::string>(&value_);
  return name ? std::string_view(*name) : std::string_view();
}

MUXPRO_DECL bool address::valid() const noexcept {
  if (!is_domain()) return true;
  const std::string_view name = domain();
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), allowed);
}

MUXPRO_DECL std::string address::to_string() const {
  if (is_domain()) return std::string(domain());
  char buffer[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(type() == kind::ipv4 ? AF_INET : AF_INET6, octets().data(), buffer, sizeof buffer);
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
