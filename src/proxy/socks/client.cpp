#include "proxy/socks/client.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/socks/wire.hpp"

#include <muxpro/error.hpp>

#include <utility>

namespace muxpro::proxy {

namespace {

using step = socks_client::step;
using status = socks_client::status;

struct refusal {
  std::error_code error;
  const char* reason;
};

refusal meaning_of(socks_reply_code code) {
  const auto of_system = [](std::errc e) { return std::make_error_code(e); };
  switch (code) {
    case socks_reply_code::not_allowed: return {errc::target_rejected, "The SOCKS server does not allow it."};
    case socks_reply_code::network_unreachable:
      return {of_system(std::errc::network_unreachable), "The network is unreachable from the SOCKS server."};
    case socks_reply_code::host_unreachable:
      return {of_system(std::errc::host_unreachable), "The host is unreachable from the SOCKS server."};
    case socks_reply_code::connection_refused:
      return {of_system(std::errc::connection_refused),
              "The target has refused the SOCKS server's connection."};
    case socks_reply_code::ttl_expired:
      return {of_system(std::errc::timed_out), "The target did not answer the SOCKS server in time."};
    case socks_reply_code::command_not_supported:
      return {of_system(std::errc::operation_not_supported),
              "The SOCKS server does not support the command."};
    case socks_reply_code::address_type_not_supported:
      return {of_system(std::errc::address_family_not_supported),
              "The SOCKS server cannot use such an address."};
    default: return {of_system(std::errc::io_error), "The SOCKS server has failed."};
  }
}

void append_counted(std::vector<std::byte>& out, std::string_view s) {
  out.push_back(static_cast<std::byte>(s.size()));
  const auto all = std::as_bytes(std::span(s));
  out.insert(out.end(), all.begin(), all.end());
}

step send(std::vector<std::byte> message, std::size_t consumed) {
  return {status::send, consumed, std::move(message), {}, {}, ""};
}

}  // namespace

bool socks_credentials::valid() const noexcept {
  return !user.empty() && user.size() <= 255 && !secret.empty() && secret.size() <= 255;
}

socks_client::socks_client(socks_command command, host_port target,
                           std::optional<socks_credentials> credentials)
    : command_(command), target_(std::move(target)), credentials_(std::move(credentials)) {}

step socks_client::next(const_bytes received) {
  if (state_ == state::over) return refuse(errc::bad_answer, "The handshake is over.");
  if (state_ == state::start) return greet();
  if (received.empty()) return {};
  const std::uint8_t version = state_ == state::authentication ? socks_subnegotiation : std::uint8_t{5};
  byte_reader r(received, max_message);
  if (r.number(1) != version) return refuse(errc::bad_answer, "The server's answer is not SOCKS 5.");
  const auto code = static_cast<std::uint8_t>(r.number(1));
  if (r.missing()) return {};
  switch (state_) {
    case state::method: return read_method(code);
    case state::authentication: return read_status(code);
    default: return read_reply(code, received);
  }
}

step socks_client::greet() {
  if (!target_.host.valid()) return refuse(errc::bad_host, "The name is not a valid host name.");
  if (credentials_ && !credentials_->valid())
    return refuse(errc::bad_option, "User and secret have 1 to 255 bytes each.");
  state_ = state::method;
  return send(credentials_ ? octets({5, 2, socks_no_authentication, socks_user_and_secret})
                           : octets({5, 1, socks_no_authentication}),
              0);
}

step socks_client::read_method(std::uint8_t chosen) {
  if (chosen == socks_no_authentication) return ask(2);
  if (chosen == socks_no_method)
    return refuse(errc::target_rejected, "The SOCKS server accepts none of the offered methods.");
  if (chosen != socks_user_and_secret || !credentials_)
    return refuse(errc::bad_answer, "The SOCKS server chose a method that it was not offered.");
  state_ = state::authentication;
  std::vector<std::byte> message = octets({socks_subnegotiation});
  append_counted(message, credentials_->user);
  append_counted(message, credentials_->secret);
  return send(std::move(message), 2);
}

step socks_client::read_status(std::uint8_t code) {
  if (code == socks_authenticated) return ask(2);
  return refuse(errc::target_rejected, "The SOCKS server does not accept the user and the secret.");
}

step socks_client::ask(std::size_t consumed) {
  state_ = state::reply;
  admitted_ = true;
  std::vector<std::byte> message = octets({5, static_cast<std::uint8_t>(command_), 0});
  append_socks_address(message, target_);
  return send(std::move(message), consumed);
}

step socks_client::read_reply(std::uint8_t code, const_bytes in) {
  if (const auto known = static_cast<socks_reply_code>(code); known != socks_reply_code::succeeded) {
    const refusal r = meaning_of(known);
    return refuse(r.error, r.reason);
  }
  byte_reader r(in, max_message);
  r.take(3);
  auto bound = read_socks_address(r);
  if (r.missing()) return {};
  if (!bound) return refuse(errc::bad_answer, "The SOCKS server is bound to an unknown type of address.");
  state_ = state::over;
  return {status::connected, r.position(), {}, *std::move(bound), {}, ""};
}

std::optional<host_port> socks_relay_address(const host_port& bound, const asio::ip::address& server) {
  if (bound.port == 0) return std::nullopt;
  const host_port at_server = to_host_port(asio::ip::udp::endpoint(server, bound.port));
  if (!bound.host.valid()) return at_server;
  if (bound.host.is_domain()) return bound;
  const asio::ip::address at = unwrapped(to_asio(bound.host.octets()));
  const bool elsewhere = at.is_loopback() && !unwrapped(server).is_loopback();
  if (at.is_unspecified() || elsewhere) return at_server;
  return to_host_port(asio::ip::udp::endpoint(at, bound.port));
}

step socks_client::refuse(std::error_code error, const char* reason) {
  state_ = state::over;
  return {status::refused, 0, {}, {}, error, reason};
}

}  // namespace muxpro::proxy
