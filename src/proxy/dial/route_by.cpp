#include "proxy/dial/route_by.hpp"

#include "proxy/base/client_share.hpp"
#include "proxy/base/own_query.hpp"
#include "proxy/net/program_of.hpp"

#include <utility>

namespace muxpro::proxy {

namespace {

// Addresses that are resolved for a rule are not dialled. The outbound's policy decides on that.
const dial_policy& every_address() {
  static const dial_policy everything = [] {
    dial_policy p;
    p.allow_private(true);
    return p;
  }();
  return everything;
}

// The coroutine holds the router, because another one may have replaced it in the dispatcher meanwhile.
asio::awaitable<outbound_choice> ask(std::shared_ptr<const router> rules, resolver& names,
                                     dial_options limits, context ctx) {
  route_request request = request_of(ctx);
  if (rules->by_process()) request.process = program_of(request.target.net, ctx.inbound);
  if (auto decided = rules->route(request))
    co_return outbound_choice(std::move(decided->outbound_tag), decided->priority);
  if (is_own_query(ctx.inbound)) {
    route_decision decided = rules->route(request, {});
    co_return outbound_choice(std::move(decided.outbound_tag), decided.priority);
  }
  const auto query = std::make_shared<connect_operation>(co_await asio::this_coro::executor, names,
                                                         every_address(), limits, share_of(ctx.inbound));
  std::error_code ec;
  const auto found = co_await query->find(request.target.host, request.target.port, ec);
  route_decision decided = rules->route(request, found);
  co_return outbound_choice(std::move(decided.outbound_tag), decided.priority);
}

}  // namespace

dispatcher::choose_outbound by_rules(std::shared_ptr<const router> rules, resolver& names,
                                     dial_options limits) {
  return [rules = std::move(rules), &names, limits](const context& ctx) {
    return ask(rules, names, limits, ctx);
  };
}

}  // namespace muxpro::proxy
