#include "proxy/vless/request.hpp"

#include "proxy/routing/proto_reader.hpp"

#include <muxpro/error.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

enum class vless_command : std::uint8_t { tcp = 1, udp = 2, mux = 3, reverse = 4 };

/// Why add-ons are refused; null: they are not.
const char* mistake_in_addons(const_bytes addons) {
  bool has_flow = false;
  proto_reader field(addons);
  while (field.next())
    if (field.number() == 1) has_flow = !field.bytes().empty();
  if (!field.good()) return "The add-ons of the VLESS request are broken.";
  return has_flow ? "The client uses a VLESS flow, which its user does not have." : nullptr;
}

const char* mistake_in(vless_command c) {
  switch (c) {
    case vless_command::tcp:
    case vless_command::udp: return nullptr;
    case vless_command::mux: return "The client asks for Mux.Cool, which muxpro does not have.";
    case vless_command::reverse:
      return "The client asks for a reverse proxy over VLESS, which muxpro does not have.";
  }
  return "The VLESS command is unknown.";
}

// Behind the user.
request_head read_vless_rest(byte_reader& r, user_account user) {
  const const_bytes addons = r.counted(1);
  if (r.missing()) return {};
  if (const char* mistake = mistake_in_addons(addons)) return request_head::refusal(std::move(user), mistake);
  const auto asked = static_cast<vless_command>(r.number(1));
  if (r.missing()) return {};
  if (const char* mistake = mistake_in(asked)) return request_head::refusal(std::move(user), mistake);
  auto where = read_port_and_address(r);
  if (r.missing()) return {};
  if (!where || !where->host.valid() || where->port == 0)
    return request_head::refusal(std::move(user), "The VLESS request has no valid target.");
  destination target(asked == vless_command::udp ? network::udp : network::tcp, std::move(where->host),
                     where->port);
  return request_head::of(std::move(user), std::move(target), r.position());
}

}  // namespace

std::string vless_key(uuid id) {
  id[6] = id[7] = std::byte{0};
  return std::string(as_text(id));
}

request_head read_vless_request(const_bytes received, const accounts& users) {
  byte_reader r(received, max_vless_request);
  const bool other_version = r.number(1) != 0;
  if (r.missing()) return {};
  if (other_version) return request_head::of_stranger();
  const const_bytes sent = r.take(std::tuple_size_v<uuid>);
  if (r.missing()) return {};
  uuid id;
  std::copy(sent.begin(), sent.end(), id.begin());
  auto user = users.check_key(vless_key(id));
  return user ? read_vless_rest(r, *std::move(user)) : request_head::of_stranger();
}

std::vector<std::byte> vless_request(const uuid& id, const destination& target) {
  std::vector<std::byte> out{std::byte{0}};
  out.reserve(max_vless_request);
  out.insert(out.end(), id.begin(), id.end());
  out.push_back(std::byte{0});
  const auto asked = target.net == network::udp ? vless_command::udp : vless_command::tcp;
  out.push_back(static_cast<std::byte>(asked));
  append_port_and_address(out, {target.host, target.port});
  return out;
}

std::size_t read_vless_response(const_bytes received, std::error_code& ec) {
  byte_reader r(received, 2 + 255);
  if (r.number(1) != 0) ec = errc::bad_answer;
  r.counted(1);
  return ec || r.missing() ? 0 : r.position();
}

}  // namespace muxpro::proxy
