// What tests of outbounds open: connections and datagrams that go by way of a server.
#pragma once

#include "loopback.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/transport_dialer.hpp>

#include <asio/read.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace loopback_test {

/// A dispatcher with one outbound, whose server listens at `at`.
template <class Outbound, class Options>
struct by_server {
  by_server(asio::io_context& io, const tcp::endpoint& at, Options o = {})
      : way(std::make_shared<transport_dialer>(*stream_address::parse(fmt::format("127.0.0.1:{}", at.port())),
                                               transport_options())),
        to(io.get_executor()) {
    to.observe_by([this](const context&, const connection_result& how, duration) { ended.push_back(how); });
    to.add("far", std::make_shared<Outbound>(way, std::move(o)));
  }
  target_link open(const destination& target) { return to.dispatch(towards(target)); }
  std::unique_ptr<datagram_stream> open_datagrams(const destination& target, bool addressed = true) {
    context ctx = towards(target);
    ctx.datagrams.addressed = addressed;
    return to.dispatch_datagrams(std::move(ctx));
  }

  std::shared_ptr<transport_dialer> way;
  dispatcher to;
  std::vector<connection_result> ended;

 private:
  static context towards(const destination& target) {
    context ctx;
    ctx.outbound.target = target;
    return ctx;
  }
};

/// The answer to `text`, which is as long.
inline awaitable<std::string> say(target_link& link, std::string text) {
  co_await asio::async_write(link.stream, asio::buffer(text), as_result);
  const auto [error, n] = co_await asio::async_read(link.stream, asio::buffer(text), as_result);
  text.resize(n);
  co_return text;
}

/// What comes next, and how it ended: "|" a clean end, "!" a cut.
inline awaitable<std::string> end_of(target_link& link) {
  std::array<char, 100> room;
  const auto [error, n] = co_await link.stream.async_read_some(asio::buffer(room), as_result);
  co_return std::string(room.data(), n) + (error == asio::error::eof ? "|" : error ? "!" : "");
}

}  // namespace loopback_test
