#include "proxy/socks/server.hpp"

#include "proxy/policy/dial_outcome.hpp"
#include "proxy/socks/wire.hpp"

#include <asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

using step = socks_handshake::step;
using status = socks_handshake::status;

constexpr std::uint8_t granted_4 = 90, rejected_4 = 91;

std::vector<std::byte> reply_4(std::uint8_t code, const host_port& bound = {}) {
  std::vector<std::byte> out = octets({0, code, 0, 0, 0, 0, 0, 0});
  if (bound.host.type() != address::kind::ipv4) return out;
  out[2] = static_cast<std::byte>(bound.port >> 8);
  out[3] = static_cast<std::byte>(bound.port);
  const auto ip = std::as_bytes(bound.host.octets());
  std::copy(ip.begin(), ip.end(), out.begin() + 4);
  return out;
}

std::vector<std::byte> reply_5(socks_reply_code code, const host_port& bound = {}) {
  std::vector<std::byte> out = octets({5, static_cast<std::uint8_t>(code), 0});
  append_socks_address(out, bound);
  return out;
}

socks_reply_code code_of(dial_outcome o) noexcept {
  switch (o) {
    case dial_outcome::connected: return socks_reply_code::succeeded;
    case dial_outcome::rejected: return socks_reply_code::not_allowed;
    case dial_outcome::refused: return socks_reply_code::connection_refused;
    case dial_outcome::host_unreachable: return socks_reply_code::host_unreachable;
    case dial_outcome::network_unreachable: return socks_reply_code::network_unreachable;
    case dial_outcome::timed_out: return socks_reply_code::ttl_expired;
    case dial_outcome::wrong_family: return socks_reply_code::address_type_not_supported;
    case dial_outcome::failed: break;
  }
  return socks_reply_code::general_failure;
}

// The codes of Asio's own category equal no std::errc in Asio 1.22.
bool is_not_supported(const std::error_code& ec) noexcept {
  return ec == std::errc::operation_not_supported || ec == asio::error::operation_not_supported;
}

step send(std::vector<std::byte> reply, std::size_t consumed) {
  return {status::send, consumed, std::move(reply), {}, ""};
}

std::vector<std::byte> refusal(socks_version v, socks_reply_code code) {
  return v == socks_version::v4 ? reply_4(rejected_4) : reply_5(code);
}

/// Takes a text and its NUL. Returns nothing if it has more than 255 bytes.
std::optional<std::string_view> take_text(byte_reader& r) {
  constexpr std::size_t longest = 255;
  byte_reader ahead = r;
  std::size_t size = 0;
  while (ahead.number(1) != 0) ++size;
  if (size > longest) return std::nullopt;
  const std::string_view text = as_text(r.take(size));
  r.take(1);
  return text;
}

}  // namespace

step socks_handshake::next(const_bytes received) {
  if (state_ == state::over) return refuse({}, "The handshake is over.");
  if (received.empty()) return {};
  switch (state_) {
    case state::authentication: return authenticate(received);
    case state::request: return read_request(received);
    default: break;
  }
  if (received[0] == std::byte{4}) return read_version_4(received);
  if (received[0] == std::byte{5}) return choose_method(received);
  return refuse({}, "This is neither SOCKS 4 nor SOCKS 5.");
}

// RFC 1928 section 3.
step socks_handshake::choose_method(const_bytes in) {
  byte_reader r(in, max_message);
  r.take(1);
  const const_bytes offered = r.counted(1);
  if (r.missing()) return {};
  const std::uint8_t wanted = users_.empty() ? socks_no_authentication : socks_user_and_secret;
  if (std::find(offered.begin(), offered.end(), std::byte{wanted}) == offered.end())
    return refuse(octets({5, socks_no_method}), users_.empty() ? "The client insists on authentication."
                                                               : "The client offers no user and secret.");
  state_ = users_.empty() ? state::request : state::authentication;
  return send(octets({5, wanted}), r.position());
}

// RFC 1929.
step socks_handshake::authenticate(const_bytes in) {
  byte_reader r(in, max_message);
  if (r.number(1) != socks_subnegotiation)
    return refuse(octets({socks_subnegotiation, socks_not_authenticated}),
                  "The client does not authenticate.");
  const std::string_view user = as_text(r.counted(1)), secret = as_text(r.counted(1));
  if (r.missing()) return {};
  user_ = users_.check(user, secret);
  if (!user_) {
    step wrong =
        refuse(octets({socks_subnegotiation, socks_not_authenticated}), "The user or the secret is wrong.");
    wrong.wrong_secret = true;
    return wrong;
  }
  state_ = state::request;
  return send(octets({socks_subnegotiation, socks_authenticated}), r.position());
}

// RFC 1928 section 4. RSV is not looked at.
step socks_handshake::read_request(const_bytes in) {
  byte_reader r(in, max_message);
  if (r.number(1) != 5)
    return refuse(reply_5(socks_reply_code::general_failure), "The request is not one of SOCKS 5.");
  const auto command = static_cast<socks_command>(r.number(1));
  if (r.good() && command != socks_command::connect && command != socks_command::udp_associate)
    return refuse(reply_5(socks_reply_code::command_not_supported),
                  "The command is not CONNECT or UDP ASSOCIATE.");
  r.take(1);
  auto where = read_socks_address(r);
  if (r.missing()) return {};
  if (!where)
    return refuse(reply_5(socks_reply_code::address_type_not_supported),
                  "The type of the address is unknown.");
  return accept(socks_version::v5, command, *std::move(where), r.position());
}

// Reads VN, CD, port, address, user id and its NUL. Behind an address 0.0.0.x, x not 0, come a name and its
// NUL (4a).
step socks_handshake::read_version_4(const_bytes in) {
  if (!users_.empty()) return refuse(reply_4(rejected_4), "SOCKS 4 has no password.");
  byte_reader r(in, max_message);
  r.take(1);
  const auto command = static_cast<socks_command>(r.number(1));
  if (r.good() && command != socks_command::connect)
    return refuse(reply_4(rejected_4), "The command is not CONNECT.");
  const auto port = static_cast<std::uint16_t>(r.number(2));
  const auto ip = take_octets<4>(r);
  if (r.missing()) return {};
  const auto user_id = take_text(r);
  if (!user_id) return refuse(reply_4(rejected_4), "The user id is too long.");
  if (r.missing()) return {};
  if (ip[0] != 0 || ip[1] != 0 || ip[2] != 0 || ip[3] == 0)
    return accept(socks_version::v4, socks_command::connect, {address::v4(ip), port}, r.position());
  const auto name = take_text(r);
  if (!name) return refuse(reply_4(rejected_4), "The name is too long.");
  if (r.missing()) return {};
  return accept(socks_version::v4, socks_command::connect, {address(*name), port}, r.position());
}

step socks_handshake::accept(socks_version v, socks_command c, host_port where, std::size_t consumed) {
  const auto failure = [&] { return refusal(v, socks_reply_code::general_failure); };
  if (!where.host.valid()) return refuse(failure(), "The name is not a valid host name.");
  if (c == socks_command::connect && where.port == 0) return refuse(failure(), "The port is 0.");
  state_ = state::over;
  step s{status::request, consumed, {}, {}, ""};
  const network net = c == socks_command::connect ? network::tcp : network::udp;
  s.request = {v, c, {net, std::move(where.host), where.port}, std::move(user_)};
  return s;
}

step socks_handshake::refuse(std::vector<std::byte> reply, const char* reason) {
  state_ = state::over;
  return {status::refused, 0, std::move(reply), {}, reason};
}

std::vector<std::byte> socks_reply(socks_version v, const std::error_code& outcome, const host_port& bound) {
  if (v == socks_version::v4) return outcome ? reply_4(rejected_4) : reply_4(granted_4, bound);
  return outcome ? reply_5(code_of(outcome_of(outcome))) : reply_5(socks_reply_code::succeeded, bound);
}

std::vector<std::byte> socks_associate_reply(const std::error_code& outcome, const host_port& bound) {
  if (is_not_supported(outcome)) return reply_5(socks_reply_code::command_not_supported);
  return socks_reply(socks_version::v5, outcome, bound);
}

// RSV is not looked at.
std::optional<socks_datagram> read_socks_datagram(const_bytes packet) {
  byte_reader r(packet);
  r.take(2);
  const bool fragment = r.number(1) != 0;
  auto where = read_socks_address(r);
  if (!r.good() || fragment || !where || !where->host.valid() || where->port == 0) return std::nullopt;
  return socks_datagram{*std::move(where), r.rest()};
}

std::size_t write_socks_datagram_header(const host_port& where, bytes out) noexcept {
  std::fill_n(out.begin(), 3, std::byte{0});
  return 3 + write_socks_address(where, out.subspan(3));
}

}  // namespace muxpro::proxy
