#include <muxpro/proxy/inbounds/mux.hpp>

#include "../main_connection.hpp"
#include "../or_error.hpp"
#include "../relay_datagrams.hpp"

#include <muxpro/option_range.hpp>
#include <muxpro/proxy/dial_outcome.hpp>
#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/relay.hpp>

#include <asio/co_spawn.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

std::string mistake_in(const mux_inbound_options& o) {
  for (const std::string& mistake : {o.session.validate(), o.relay.validate()})
    if (!mistake.empty()) return mistake;
  return out_of_range<std::uint64_t>({
      {"max_pending_dials", o.max_pending_dials, 1, 65535},
      {"max_waiting_dials", o.max_waiting_dials, 0, 65535},
  });
}

class carrier final : public main_connection {
 public:
  carrier(session s, admission::ticket place, const mux_inbound_options& o, context known, dispatcher& to)
      : main_connection(std::move(s), std::move(place), {o.max_pending_dials, o.max_waiting_dials}),
        relay_(o.relay),
        known_(std::move(known)),
        to_(to) {}

 private:
  asio::awaitable<void> carry(sub_stream stream) override;
  asio::awaitable<void> carry_datagrams(sub_stream stream, context c);
  asio::awaitable<std::optional<inbound_link>> link_for(sub_stream& stream, context c, std::error_code& ec);
  context context_of(const sub_stream& stream) const;

  const relay_options relay_;
  const context known_;
  dispatcher& to_;
};

context carrier::context_of(const sub_stream& stream) const {
  context c = known_;
  c.id = context::new_id();
  c.inbound.carrier = known_.id;
  c.outbound.original = c.outbound.target = stream.target();
  c.outbound.priority = stream.priority();
  return c;
}

asio::awaitable<void> carrier::carry(sub_stream stream) {
  context c = context_of(stream);
  if (stream.target().net == network::udp) {
    co_await carry_datagrams(std::move(stream), std::move(c));
    co_return;
  }
  std::error_code ec;
  auto link = co_await link_for(stream, std::move(c), ec);
  if (link)
    co_await async_relay(stream, link->stream, relay_, or_error(ec));
  else
    stream.reset(end_code_of(ec));
}

// All of it ends when the peer gives the sub-stream up.
asio::awaitable<std::optional<inbound_link>> carrier::link_for(sub_stream& stream, context c,
                                                               std::error_code& ec) {
  std::optional<inbound_link> link;
  const auto given_up = std::make_shared<asio::cancellation_signal>();
  const cut_watch watch(stream, [&link, given_up](std::error_code) {
    given_up->emit(asio::cancellation_type::terminal);
    if (link) link->give_up();
  });
  const auto place = co_await wait_for_turn(given_up, ec);
  if (!place) co_return std::nullopt;
  link.emplace(to_.dispatch(std::move(c)));
  co_await link->async_wait_for_target(or_error(ec));
  if (ec) co_return std::nullopt;
  co_return std::move(link);
}

asio::awaitable<void> carrier::carry_datagrams(sub_stream stream, context c) {
  c.datagrams.source = stream.source();
  c.datagrams.addressed = main().negotiated().value_or(version_0_0) >= version_0_1;
  auto near = std::make_unique<sub_datagram_stream>(sub_datagram(std::move(stream)));
  auto far = to_.dispatch_datagrams(std::move(c));
  co_await relay_datagrams(std::move(near), std::move(far), relay_.idle);
}

std::function<void()> drain_of(const std::shared_ptr<carrier>& main) {
  return [weak = std::weak_ptr(main)] {
    if (const auto m = weak.lock()) m->drain();
  };
}

}  // namespace

mux_inbound::mux_inbound(mux_inbound_options options) : options_(std::move(options)) {
  if (const std::string mistake = mistake_in(options_); !mistake.empty())
    throw std::invalid_argument(mistake);
}

asio::awaitable<void> mux_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                         admission::ticket place) const {
  known.inbound.protocol = "mux.pro";
  session s = c->into_session(role::server, options_.session);
  const auto main = std::make_shared<carrier>(std::move(s), std::move(place), options_, std::move(known), to);
  c->ends_by({drain_of(main), [weak = std::weak_ptr(main)] {
                if (const auto m = weak.lock()) m->close();
              }});
  co_await main->run();
}

inbound_link mux_inbound::serve_inside(connection& outer, context known, dispatcher& to) const {
  auto [in, out] = make_link(to.get_executor(), to.link_capacity(known));
  out.target().tell({});
  known.inbound.protocol = "mux.pro";
  session s(std::move(out.stream), role::server, options_.session);
  const auto main =
      std::make_shared<carrier>(std::move(s), admission::ticket(), options_, std::move(known), to);
  outer.ends_by({drain_of(main), {}});
  asio::co_spawn(to.get_executor(), main->run(), [main](std::exception_ptr, std::error_code) {});
  return std::move(in);
}

bool asks_for_main_connection(const destination& target) {
  return target.net == network::tcp && target.port == main_connection_port && target.host.is_domain() &&
         normalized(target.host.domain()) == main_connection_host;
}

inbound_link begin(connection& c, context&& known, dispatcher& to, client_side client,
                   const std::shared_ptr<const mux_inbound>& inside) {
  if (inside && asks_for_main_connection(known.outbound.target))
    return inside->serve_inside(c, std::move(known), to);
  return to.dispatch(std::move(known), client);
}

}  // namespace muxpro::proxy
