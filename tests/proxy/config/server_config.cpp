// The configuration of a server: its time-outs, its limits, and the keys of a mux.pro inbound that set them.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/engine/server_config.hpp"

#include <fmt/format.h>

#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;

const mux_inbound_options& inbound_of(const config& c) {
  return test::options_of<mux_inbound_options>(c.inbounds.at(0));
}
const freedom_options& outbound_of(const config& c) {
  return test::options_of<freedom_options>(c.outbounds.at(0));
}

template <class Change>
std::string wrong_with(Change change) {
  server_options o;
  change(o.inbound, o.direct);
  return o.validate();
}

}  // namespace

TEST_CASE("server configuration: its time-outs are divided together, its limits stay", "[proxy][options]") {
  const server_options usual;
  CHECK(usual.validate().empty());
  CHECK(usual.scaled(100).validate().empty());
  const config c = server_config(usual), fast = server_config(usual.scaled(100));
  CHECK(inbound_of(fast).session.negotiate_timeout == 100ms);
  CHECK(inbound_of(fast).session.credit_stall_timeout == 3s);
  CHECK(inbound_of(fast).relay.idle == 3s);
  CHECK(inbound_of(fast).session.max_streams == inbound_of(c).session.max_streams);
  CHECK(outbound_of(fast).dial.timeout == 100ms);
  CHECK(outbound_of(fast).dial.stagger == 2500us);
  CHECK(outbound_of(fast).nat.idle == 1200ms);
  CHECK(outbound_of(fast).nat.resume == 600ms);
  CHECK(fast.outbound_policy.relay.idle == 3s);
  CHECK(fast.outbound_policy.relay.uplink_only == 3s);
  CHECK(fast.outbound_policy.relay.downlink_only == 3s);
  CHECK(fast.inbounds.at(0).stream.socket.user_timeout == 300ms);
  CHECK(fast.drain_timeout == 300ms);
  CHECK(usual.scaled(1e6).validate().find("_timeout (s) is ") != std::string::npos);
}

TEST_CASE("server configuration: an option out of its bounds is named", "[proxy][options]") {
  using in = mux_inbound_options;
  using out = freedom_options;
  CHECK(wrong_with([](in& i, out&) { i.max_pending_dials = 0; }) ==
        "max_pending_dials is 0, it must be 1 to 65535");
  CHECK(wrong_with([](in& i, out&) { i.max_unnegotiated = 0; }) ==
        "max_unnegotiated is 0, it must be 1 to 1048576");
  CHECK(wrong_with([](in& i, out&) { i.session.max_streams = 0; }).find("max_streams is 0") !=
        std::string::npos);
  CHECK(wrong_with([](in&, out& o) { o.nat.resume = 0s; }).find("nat.resume (s) is 0") == 0);
  CHECK(wrong_with([](in&, out& o) { o.nat.per_session = 0; }).find("nat.per_session is 0") == 0);
  CHECK(wrong_with([](in&, out& o) {
          o.nat.refused_ports = "19,many";
        }).find("refused_ports is 19,many, it must be a list of ports") == 0);
  CHECK(wrong_with([](in&, out& o) { o.udp_rate = 2'000'000'000; }).find("nat.user_datagrams.burst is ") ==
        0);
  CHECK(wrong_with([](in&, out& o) { o.dial.timeout = 0s; }).find("dial.timeout (s) is 0") == 0);
  server_options o;
  o.drain_timeout = 0s;
  CHECK(o.validate().find("drain_timeout (s) is 0") == 0);
}

TEST_CASE("server configuration: a mux.pro inbound of a file has the same limits", "[proxy][config]") {
  const auto inbound = [](const std::string& settings) {
    return test::read_text(
        R"({"inbounds": [{"protocol": "mux.pro", "listen": "127.0.0.1", "port": 0, "settings": {)" +
        settings + R"(}}], "outbounds": [{"protocol": "freedom"}]})");
  };
  const auto usual = inbound("");
  REQUIRE(usual.mistakes.all().empty());
  const mux_inbound_options same;
  CHECK(inbound_of(usual.c).max_unnegotiated == same.max_unnegotiated);
  CHECK(inbound_of(usual.c).max_pending_dials == same.max_pending_dials);
  CHECK(usual.c.inbounds.at(0).stream.socket.user_timeout == 30s);
  const auto some = inbound(R"("maxStreams": 10, "maxWindow": 100000, "maxUnnegotiated": 20,
      "maxUnnegotiatedPerSource": 3, "maxPendingDials": 4, "maxWaitingDials": 0, "newRate": 6)");
  REQUIRE(some.mistakes.all().empty());
  const mux_inbound_options& o = inbound_of(some.c);
  CHECK(o.session.max_streams == 10);
  CHECK(o.session.max_window == 100'000);
  CHECK(o.max_unnegotiated == 20);
  CHECK(o.max_unnegotiated_per_source == 3);
  CHECK(o.max_pending_dials == 4);
  CHECK(o.max_waiting_dials == 0);
  CHECK(o.new_rate == 6);
  CHECK(o.validate().empty());
  for (const char* key :
       {"maxStreams", "maxWindow", "maxUnnegotiated", "maxUnnegotiatedPerSource", "maxPendingDials"})
    CHECK(inbound(fmt::format("\"{}\": 0", key)).mistakes.all().size() == 1);
}
