// A proxy with an inbound of its own: the first line of a client names its target. own_inbound [PORT], then
// printf 'example.com:80\nGET / HTTP/1.0\r\nHost: example.com\r\n\r\n' | nc 127.0.0.1 PORT
#include "own_proxy.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/registry.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <algorithm>
#include <cstdlib>

namespace proxy = muxpro::proxy;

/// A client of this protocol. The reply is a line, which is sent before the target's first bytes.
class line_client final : public proxy::client {
 public:
  explicit line_client(proxy::pending_client& who) : client(who.c, muxpro::relay_options(), who.release()) {}

 private:
  std::vector<std::byte> reply_to(std::error_code outcome) override {
    const std::string line = outcome ? outcome.message() + "\n" : "connected\n";
    const auto bytes = std::as_bytes(std::span(line));
    return {bytes.begin(), bytes.end()};
  }
};

class line_inbound final : public proxy::inbound {
 public:
  asio::awaitable<void> serve(std::shared_ptr<proxy::connection> c, proxy::context ctx, proxy::dispatcher& to,
                              proxy::admission::ticket place) const override {
    proxy::pending_client who(std::move(c), ctx, std::move(place), std::chrono::seconds(10));
    std::string line;
    for (std::error_code ec; line.empty(); line = first_line(who)) {
      co_await who.read_more(300, ec);
      if (ec) co_return;
    }
    who.consume(line.size());
    const auto colon = line.rfind(':');
    if (colon == std::string::npos) co_return;
    const auto port = static_cast<std::uint16_t>(std::atoi(line.c_str() + colon + 1));
    who.ctx.outbound.target = who.ctx.outbound.original = {muxpro::network::tcp, line.substr(0, colon), port};
    auto client = std::make_unique<line_client>(who);
    co_await to.dispatch(std::move(who.ctx), std::move(client));
  }

 private:
  /// With its end; empty: it is not complete.
  static std::string first_line(const proxy::pending_client& who) {
    const std::string_view all(reinterpret_cast<const char*>(who.buffered().data()), who.buffered().size());
    return std::string(all.substr(0, all.find('\n') + 1));
  }
};

const bool known = proxy::registry::global().inbounds.add(
    "lines", "The first line of a client names its target.",
    [](proxy::settings&, const proxy::policy_level&, proxy::inbound_plan& to) {
      to.make = [] { return std::make_shared<const line_inbound>(); };
    });

int main(int argc, char** argv) {
  return run_proxy(fmt::format(
      R"({{"log": {{"loglevel": "info"}},
           "inbounds": [{{"protocol": "lines", "listen": "127.0.0.1", "port": {}}}],
           "outbounds": [{{"protocol": "freedom"}}]}})",
      argc > 1 ? std::atoi(argv[1]) : 0));
}
