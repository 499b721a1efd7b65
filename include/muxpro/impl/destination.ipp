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

namespace detail {

inline bool parse_ip(int family, std::string_view text, void* octets) noexcept {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), buffer);
  return ::inet_pton(family, buffer, octets) == 1;
}

}  // namespace detail

// Most texts are names. They are recognized without an attempt to parse an address.
MUXPRO_DECL address::address(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const auto literal = bracketed ? text.substr(1, text.size() - 2) : text;
  const bool digit = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (digit && detail::parse_ip(AF_INET, literal, value_.emplace<v4_octets>().data())) return;
  const bool colon = literal.find(':') != std::string_view::npos;
  if (colon && detail::parse_ip(AF_INET6, literal, value_.emplace<v6_octets>().data())) return;
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

namespace detail {

/// Of a hash and one more value.
MUXPRO_DECL std::size_t combined_hash(std::size_t seed, std::size_t more) noexcept {
  return seed ^ (more + 0x9e3779b9 + (seed << 6) + (seed >> 2));
}

}  // namespace detail
}  // namespace muxpro

MUXPRO_DECL std::size_t std::hash<muxpro::address>::operator()(const muxpro::address& a) const noexcept {
  const auto octets = a.octets();
  const std::string_view ip(reinterpret_cast<const char*>(octets.data()), octets.size());
  const std::size_t of_bytes = std::hash<std::string_view>()(a.is_domain() ? a.domain() : ip);
  return muxpro::detail::combined_hash(of_bytes, static_cast<std::size_t>(a.type()));
}

MUXPRO_DECL std::size_t std::hash<muxpro::host_port>::operator()(const muxpro::host_port& hp) const noexcept {
  return muxpro::detail::combined_hash(std::hash<muxpro::address>()(hp.host), hp.port);
}

MUXPRO_DECL std::size_t std::hash<muxpro::destination>::operator()(
    const muxpro::destination& d) const noexcept {
  const std::size_t of_place = muxpro::detail::combined_hash(std::hash<muxpro::address>()(d.host), d.port);
  return muxpro::detail::combined_hash(of_place, static_cast<std::size_t>(d.net));
}
