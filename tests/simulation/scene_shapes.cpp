// The parts of a scene that stand between client and server: a relay, or a pool of main connections.
#include "memory.hpp"
#include "raw_peer.hpp"
#include "scene.hpp"

#include <muxpro/relay.hpp>

namespace simulation {

using muxpro::sub_stream;

namespace {
/// Both sides of a relay, for as long as it runs.
struct relayed {
  sub_stream a, b;
};
}  // namespace

void scene::relay_on(sub_stream s) {
  auto both = std::make_shared<relayed>();
  muxpro::open_request request(s.target(), s.priority());
  both->a = std::move(s);
  ++relays_;
  onward_->open(std::move(request), [this, both](error_code ec, sub_stream onward) {
    if (ec) {
      world_.expect(plan_.lenient() || *road_broken_ || leaving_, "a relay cannot open: {}", ec.message());
      return both->a.reset(muxpro::end_code::unreachable);
    }
    both->b = std::move(onward);
    muxpro::relay_options options;
    options.uplink_only = options.downlink_only = 300s;
    options.buffer = static_cast<std::size_t>(random_.size(2048, 65536));
    const auto op = world_.begin("a relay", relays_, 2000s);
    muxpro::async_relay(both->a, both->b, options, [this, both, op](error_code result, muxpro::relay_result r) {
      const memory::exempt no_failures;
      world_.end(op);
      world_.note("relayed", r.a_to_b, r.b_to_a);
      world_.note("relay ends", static_cast<unsigned>(result.value()));
    });
  });
}

void scene::build_pool() {
  muxpro::client_pool_options o;
  o.session = plan_.options(random_);
  o.max_concurrency = static_cast<std::uint32_t>(random_.size(1, 8));
  o.max_reuse = static_cast<std::uint32_t>(random_.size(1, 20));
  o.max_age = random_.time(1s, 600s);
  o.max_connections = static_cast<std::uint32_t>(random_.size(2, 8));
  o.idle_timeout = random_.time(100ms, 60s);
  if (plan_.impatient) o.dial_timeout = random_.time(100ms, 10s);
  dials_fail_ = plan_.cuts && random_.chance(50);
  pool_ = muxpro::client_pool(world_.executor(), [this] { return dial(); }, o);
  has_pool_ = true;
}

asio::awaitable<link_end> scene::dial() {
  const memory::exempt no_failures;
  world_.note("dials", links_.size());
  if (dials_fail_ && random_.chance(30)) {
    *road_broken_ = true;
    throw std::system_error(asio::error::connection_refused);
  }
  const auto l = new_link();
  new_server(l);
  co_return link_end(l, 0);
}

void scene::add_raw_peers() {}

}  // namespace simulation
