// Settings that the outbounds with a key have in common.
#include "proxy/outbound/keyed.hpp"
#include "proxy/outbound/settings.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

void accept_user_keys(settings& s) {
  std::string email;
  std::uint32_t level = 0;
  s.text({"email", "Accepted from Xray's configurations, without effect."}, email);
  s.number<std::uint32_t>({"level", "Accepted from Xray's configurations, without effect."}, level, 0, 65535);
}

void read_only_object(settings& s, const setting_key& key, std::string_view rule,
                      const std::function<void(settings&)>& read) {
  bool some = false;
  const bool is_list = s.objects(key, [&](settings& one, std::size_t n) {
    some = true;
    if (n > 0) one.wrong(fmt::format("is one too many; {}", rule));
    read(one);
  });
  if (is_list && !some) s.wrong(key.name, "is empty; it must have one object");
}

bool read_listed_server(settings& s, std::string_view key, const std::function<void(settings&)>& read) {
  const bool listed = s.has(key);
  if (listed || s.describing())
    read_only_object(
        s, {key, "The one server, in a list as older configurations have it: instead of the keys here."},
        "an outbound has one server, and balancers choose among outbounds", read);
  return listed;
}

namespace {

outbound_factory make_keyed(outbound_resources& from, keyed_outbound_options options) {
  options.relay = from.relay();
  auto dial = [options](std::shared_ptr<transport_dialer> server, session_options s) {
    return dial_session_by_key(std::move(server), options, std::move(s));
  };
  auto native = [server = from.dialer(), options](asio::io_context&) {
    return std::make_shared<keyed_outbound>(server, options);
  };
  // Servers refuse other connections than those by the flow.
  const auto mux = options.vision ? std::nullopt : from.mux();
  native_ways ways{std::move(native), options.single_xudp, options.refuses_quic};
  return multiplexed_as_configured(from, mux, std::move(dial), std::move(ways));
}

}  // namespace

outbound_plan keyed_plan(stream_address server, keyed_outbound_options options) {
  outbound_plan out;
  out.server = std::move(server);
  out.datagrams = datagram_support::carried;
  out.mux = outbound_plan::multiplexing::possible;
  out.in_clear = true;
  out.needs_security_on_socket = options.vision.has_value();
  out.make = [options = std::move(options)](outbound_resources& from) { return make_keyed(from, options); };
  return out;
}

}  // namespace muxpro::proxy
