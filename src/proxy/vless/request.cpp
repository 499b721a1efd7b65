#include "proxy/vless/request.hpp"

#include "proxy/base/main_connection_target.hpp"
#include "proxy/base/proto_reader.hpp"

#include <muxpro/error.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

enum class vless_command : std::uint8_t { tcp = 1, udp = 2, mux = 3, reverse = 4 };

/// Returns the flow that add-ons ask for, or nothing if they are broken.
std::optional<std::string_view> flow_in(const_bytes addons) {
  std::string_view flow;
  proto_reader field(addons);
  while (field.next())
    if (field.number() == 1) flow = as_text(field.bytes());
  if (!field.good()) return std::nullopt;
  return flow;
}

/// Returns why a request by a flow is refused, or null if it is not.
const char* mistake_in_flow(std::string_view flow, const user_account& user, vless_command asked) {
  if (!flow.empty() && (flow != vision_flow || !user.vision))
    return "The client uses a VLESS flow, which its user does not have.";
  if (flow.empty() && user.vision && asked == vless_command::tcp)
    return "The client does not use the VLESS flow that its user has.";
  if (!flow.empty() && asked == vless_command::udp) return "The VLESS flow carries no datagrams.";
  return nullptr;
}

const char* mistake_in(vless_command c) {
  switch (c) {
    case vless_command::tcp:
    case vless_command::udp:
    case vless_command::mux: return nullptr;
    case vless_command::reverse:
      return "The client asks for a reverse proxy over VLESS, which muxpro does not have.";
  }
  return "The VLESS command is unknown.";
}

/// Returns nothing if it is invalid, or more is needed.
std::optional<destination> target_of(byte_reader& r, vless_command asked) {
  if (asked == vless_command::mux) return main_connection_target(dialect::mux_cool);
  auto where = read_port_and_address(r);
  if (r.missing() || !where || !where->host.valid() || where->port == 0) return std::nullopt;
  return destination(asked == vless_command::udp ? network::udp : network::tcp, std::move(where->host),
                     where->port);
}

// Behind the user.
request_head read_vless_rest(byte_reader& r, user_account user, const uuid& sent) {
  const const_bytes addons = r.counted(1);
  if (r.missing()) return {};
  const auto flow = flow_in(addons);
  if (!flow) return request_head::refusal(std::move(user), "The add-ons of the VLESS request are broken.");
  const auto asked = static_cast<vless_command>(r.number(1));
  if (r.missing()) return {};
  if (const char* mistake = mistake_in(asked)) return request_head::refusal(std::move(user), mistake);
  if (const char* mistake = mistake_in_flow(*flow, user, asked))
    return request_head::refusal(std::move(user), mistake);
  std::optional<destination> target = target_of(r, asked);
  if (r.missing()) return {};
  if (!target) return request_head::refusal(std::move(user), "The VLESS request has no valid target.");
  request_head out = request_head::of(std::move(user), *std::move(target), r.position());
  if (!flow->empty()) out.vision = sent;
  return out;
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
  if (!user) return request_head::of_stranger();
  request_head out = read_vless_rest(r, *std::move(user), id);
  out.vless_route =
      static_cast<std::uint16_t>(std::to_integer<int>(id[6]) << 8 | std::to_integer<int>(id[7]));
  return out;
}

std::vector<std::byte> vless_request(const uuid& id, const destination& target, bool by_vision) {
  // A protobuf message with the flow as field 1.
  constexpr std::string_view addons = "\x0a\x10xtls-rprx-vision";
  std::vector<std::byte> out{std::byte{0}};
  out.reserve(max_vless_request);
  out.insert(out.end(), id.begin(), id.end());
  const bool mux = dialect_of_main_connection(target) == dialect::mux_cool;
  const std::string_view sent = by_vision && target.net == network::tcp ? addons : "";
  out.push_back(static_cast<std::byte>(sent.size()));
  for (const char c : sent) out.push_back(static_cast<std::byte>(c));
  const auto asked = target.net == network::udp ? vless_command::udp : vless_command::tcp;
  out.push_back(static_cast<std::byte>(mux ? vless_command::mux : asked));
  if (mux) return out;
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
