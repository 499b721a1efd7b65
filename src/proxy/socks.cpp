#include <muxpro/proxy/socks.hpp>

#include "socks_wire.hpp"

#include <muxpro/proxy/dial_outcome.hpp>

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

step say(std::vector<std::byte> reply, std::size_t consumed) {
  return {status::say, consumed, std::move(reply), {}, ""};
}

std::vector<std::byte> refusal(socks_version v, socks_reply_code code) {
  return v == socks_version::v4 ? reply_4(rejected_4) : reply_5(code);
}

/// Where the text ends that starts at `from`: at its NUL, or npos.
constexpr std::size_t npos = static_cast<std::size_t>(-1);
std::size_t end_of_text(const_bytes in, std::size_t from) {
  const auto end = std::find(in.begin() + static_cast<std::ptrdiff_t>(from), in.end(), std::byte{0});
  return end == in.end() ? npos : static_cast<std::size_t>(end - in.begin());
}

constexpr std::size_t longest_text = 255;

}  // namespace

step socks_handshake::next(const_bytes received) {
  if (state_ == state::over) return refuse({}, "The handshake is over.");
  if (received.empty()) return {};
  switch (state_) {
    case state::authentication: return authenticate(received);
    case state::request: return read_request(received);
    default: break;
  }
  if (octet(received, 0) == 4) return read_version_4(received);
  if (octet(received, 0) == 5) return choose_method(received);
  return refuse({}, "This is neither SOCKS 4 nor SOCKS 5.");
}

// RFC 1928 section 3.
step socks_handshake::choose_method(const_bytes in) {
  if (in.size() < 2 || in.size() < 2U + octet(in, 1)) return {};
  const const_bytes offered = in.subspan(2, octet(in, 1));
  const std::uint8_t wanted = users_.empty() ? socks_no_authentication : socks_user_and_secret;
  if (std::find(offered.begin(), offered.end(), std::byte{wanted}) == offered.end())
    return refuse(octets({5, socks_no_method}), users_.empty() ? "The client insists on authentication."
                                                               : "The client offers no user and secret.");
  state_ = users_.empty() ? state::request : state::authentication;
  return say(octets({5, wanted}), 2 + offered.size());
}

// RFC 1929.
step socks_handshake::authenticate(const_bytes in) {
  if (octet(in, 0) != socks_subnegotiation)
    return refuse(octets({socks_subnegotiation, socks_not_authenticated}),
                  "The client does not authenticate.");
  if (in.size() < 2) return {};
  const std::size_t user_size = octet(in, 1);
  if (in.size() < 2 + user_size + 1) return {};
  const std::size_t secret_size = octet(in, 2 + user_size);
  const std::size_t whole = 2 + user_size + 1 + secret_size;
  if (in.size() < whole) return {};
  const std::string_view user = text(in.subspan(2, user_size));
  if (!users_.check(user, text(in.subspan(3 + user_size, secret_size))))
    return refuse(octets({socks_subnegotiation, socks_not_authenticated}),
                  "The user or the secret is wrong.");
  user_ = user;
  state_ = state::request;
  return say(octets({socks_subnegotiation, socks_authenticated}), whole);
}

// RFC 1928 section 4. RSV is not looked at.
step socks_handshake::read_request(const_bytes in) {
  if (octet(in, 0) != 5)
    return refuse(reply_5(socks_reply_code::general_failure), "The request is not one of SOCKS 5.");
  if (in.size() < 2) return {};
  const auto command = static_cast<socks_command>(octet(in, 1));
  if (command != socks_command::connect && command != socks_command::udp_associate)
    return refuse(reply_5(socks_reply_code::command_not_supported),
                  "The command is not CONNECT or UDP ASSOCIATE.");
  if (in.size() < 4) return {};
  socks_address a = read_socks_address(in.subspan(3));
  if (a.what == socks_address::status::need_more) return {};
  if (a.what == socks_address::status::unknown_type)
    return refuse(reply_5(socks_reply_code::address_type_not_supported),
                  "The type of the address is unknown.");
  return accept(socks_version::v5, command, std::move(a.where), 3 + a.size);
}

// VN, CD, port, address, user id and its NUL; a name and its NUL if the address is 0.0.0.x, x not 0 (SOCKS
// 4a).
step socks_handshake::read_version_4(const_bytes in) {
  constexpr std::size_t fixed = 8;
  if (!users_.empty()) return refuse(reply_4(rejected_4), "SOCKS 4 has no secret to say.");
  if (in.size() < 2) return {};
  if (octet(in, 1) != static_cast<std::uint8_t>(socks_command::connect))
    return refuse(reply_4(rejected_4), "The command is not CONNECT.");
  if (in.size() < fixed) return {};
  const std::size_t user_end = end_of_text(in.first(std::min(in.size(), fixed + longest_text + 1)), fixed);
  if (user_end == npos)
    return in.size() <= fixed + longest_text ? step{}
                                             : refuse(reply_4(rejected_4), "The user id is too long.");
  const bool named = word(in, 4) == 0 && octet(in, 6) == 0 && octet(in, 7) != 0;
  if (named) return read_name_4a(in, user_end + 1);
  const address ip = address::v4({octet(in, 4), octet(in, 5), octet(in, 6), octet(in, 7)});
  return accept(socks_version::v4, socks_command::connect, {ip, word(in, 2)}, user_end + 1);
}

step socks_handshake::read_name_4a(const_bytes in, std::size_t start) {
  const std::size_t end = end_of_text(in.first(std::min(in.size(), start + longest_text + 1)), start);
  if (end == npos)
    return in.size() <= start + longest_text ? step{} : refuse(reply_4(rejected_4), "The name is too long.");
  const address name(text(in.subspan(start, end - start)));
  return accept(socks_version::v4, socks_command::connect, {name, word(in, 2)}, end + 1);
}

step socks_handshake::accept(socks_version v, socks_command c, host_port where, std::size_t consumed) {
  const auto failure = [&] { return refusal(v, socks_reply_code::general_failure); };
  if (!where.host.valid()) return refuse(failure(), "The name is none that a host can have.");
  if (c == socks_command::connect && where.port == 0) return refuse(failure(), "There is no port 0.");
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

// RSV is not looked at.
std::optional<socks_datagram> read_socks_datagram(const_bytes packet) {
  if (packet.size() < 3 || octet(packet, 2) != 0) return std::nullopt;
  socks_address a = read_socks_address(packet.subspan(3));
  if (a.what != socks_address::status::complete || !a.where.host.valid() || a.where.port == 0)
    return std::nullopt;
  return socks_datagram{std::move(a.where), packet.subspan(3 + a.size)};
}

std::size_t write_socks_datagram_header(const host_port& where, bytes out) noexcept {
  std::fill_n(out.begin(), 3, std::byte{0});
  return 3 + write_socks_address(where, out.subspan(3));
}

}  // namespace muxpro::proxy
