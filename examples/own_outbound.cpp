// A SOCKS proxy with an outbound of its own, which dials targets and relays: own_outbound [PORT], then
// curl --socks5-hostname 127.0.0.1:PORT http://example.com/
#include "own_proxy.hpp"

#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/registry.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <cstdlib>

namespace proxy = muxpro::proxy;
using asio::ip::tcp;

class direct final : public proxy::outbound {
 public:
  asio::awaitable<proxy::connection_result> carry(const proxy::context& ctx, proxy::client& c) override {
    proxy::connection_result result;
    auto or_why = asio::redirect_error(asio::use_awaitable, result.why);
    const muxpro::destination& to = ctx.outbound.target;
    const std::string host = to.host.to_string(), port = std::to_string(to.port);
    tcp::resolver names(c.get_executor());
    tcp::socket target(c.get_executor());
    const auto found = co_await names.async_resolve(host, port, or_why);
    if (!result.why) co_await asio::async_connect(target, found, or_why);
    co_await c.answer(result.why, result.why);  // the SOCKS reply
    if (result.why) co_return result;
    c.hand_over(std::make_shared<proxy::connection_over<tcp::socket>>(std::move(target)), {});
    co_return result;
  }
};

const bool known = proxy::registry::global().outbounds.add(
    "own", "Dials targets by the system's resolver.", [](proxy::settings&, proxy::outbound_plan& to) {
      to.make = [](proxy::outbound_resources&) -> proxy::outbound_factory {
        return [](asio::io_context&) { return std::make_shared<direct>(); };
      };
    });

int main(int argc, char** argv) {
  return run_proxy(fmt::format(
      R"({{"log": {{"loglevel": "info"}},
           "inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": {}}}],
           "outbounds": [{{"protocol": "own"}}]}})",
      argc > 1 ? std::atoi(argv[1]) : 0));
}
