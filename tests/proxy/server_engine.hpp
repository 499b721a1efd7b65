// A server for main connections, which a test can look into: a mux.pro inbound in front of a freedom
// outbound.
#pragma once

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/engine/access_log.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/inbound/status.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/outbound/freedom.hpp"

#include <muxpro/proxy/instance.hpp>

#include <asio/co_spawn.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace test {

struct server_limits {
  server_limits() { engine.access_lines = 10; }

  muxpro::proxy::mux_inbound_options inbound;  ///< its relay is the outbound's, too
  muxpro::proxy::dial_options dial;
  muxpro::proxy::nat_limits nat;
  muxpro::proxy::instance_options engine;
};

class server_engine {
 public:
  explicit server_engine(
      const server_limits& o = {}, std::size_t threads = 1,
      const muxpro::proxy::log_sink& log = [](muxpro::proxy::log_level, std::string_view) {})
      : inbound(std::make_shared<const muxpro::proxy::mux_inbound>(o.inbound)),
        nat(o.nat, o.dial, names, policy),
        lines_(log, o.engine.access_lines, muxpro::proxy::access_detail::brief),
        engine(
            with_lines(o.engine), threads,
            [this, &o](muxpro::proxy::dispatcher& d, asio::io_context& io) { equip(d, io, o); }, log) {
    policy.allow_private(true);
  }
  ~server_engine() { engine.stop(); }

  muxpro::proxy::stream_endpoint listen(const muxpro::proxy::stream_endpoint& at,
                                        muxpro::proxy::transport_options how = {}) {
    return own(engine.listen(at, "server", inbound, std::move(how)));
  }
  asio::ip::tcp::endpoint listen(const asio::ip::tcp::endpoint& at,
                                 muxpro::proxy::transport_options how = {}) {
    return muxpro::proxy::to_tcp(listen(muxpro::proxy::stream_endpoint(at), std::move(how)));
  }
  muxpro::proxy::stream_endpoint listen_for_status(const muxpro::proxy::stream_endpoint& at) {
    auto report = [this](std::size_t connections) { return engine.report(connections); };
    return own(
        engine.listen(at, "status", std::make_shared<muxpro::proxy::status_inbound>(std::move(report))));
  }
  void start() { engine.start(); }
  void drain() { engine.drain(); }
  void wait() { engine.wait(); }
  /// Sub-streams that have an outbound now.
  std::size_t streams() const { return engine.load("direct"); }
  /// Connections whose negotiation is not over.
  std::uint32_t unnegotiated() const { return inbound->waiting()->inside(); }

  const std::shared_ptr<const muxpro::proxy::mux_inbound> inbound;
  muxpro::proxy::resolver names;
  muxpro::proxy::dial_policy policy;
  muxpro::proxy::udp_nat nat;

 private:
  muxpro::proxy::instance_options with_lines(muxpro::proxy::instance_options o) {
    o.access = [this](const muxpro::proxy::ended_connection& c) { lines_.note(c); };
    return o;
  }
  void equip(muxpro::proxy::dispatcher& d, asio::io_context& io, const server_limits& o) {
    d.add("direct", std::make_shared<muxpro::proxy::freedom>(names, policy, o.dial, o.inbound.relay, &nat));
    if (!std::exchange(swept_, true)) asio::co_spawn(io, nat.sweep(), [](std::exception_ptr) {});
  }
  // The dial policy refuses the own listener.
  muxpro::proxy::stream_endpoint own(muxpro::proxy::stream_endpoint at) {
    if (!muxpro::proxy::is_unix(at)) policy.own_listener(muxpro::proxy::to_tcp(at));
    return at;
  }

  bool swept_ = false;
  muxpro::proxy::access_log lines_;

 public:
  muxpro::proxy::instance engine;
};

}  // namespace test
