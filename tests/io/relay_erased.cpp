// async_relay() of streams whose types are erased: the same as that of the streams themselves.
#include "relay_support.hpp"

#include <muxpro/any_stream.hpp>

#include <asio/ip/tcp.hpp>

#include <string>

namespace io_test {

namespace {

/// client <-> a, a pipe, relayed to b, a TCP socket <-> server.
struct erased_relay {
  erased_relay() {
    auto [near, far] = make_pipe(context.get_executor(), 1000);
    client = std::move(near);
    a = std::move(far);
    asio::ip::tcp::acceptor at(context, {asio::ip::address_v4::loopback(), 0});
    server.connect(at.local_endpoint());
    b = at.accept();
    async_relay(erased_a, erased_b, relay_options(), keep_relay_outcome{&outcome});
  }
  template <class From, class To>
  std::string pass(From& from, To& to, std::string text) {
    std::string got(text.size(), ' ');
    asio::async_write(from, asio::buffer(text), [](error_code, std::size_t) {});
    bool done = false;
    asio::async_read(to, asio::buffer(got), [&](error_code, std::size_t) { done = true; });
    test::run_until(context, [&] { return done; });
    return got;
  }
  template <class From>
  error_code end_of(From& from) {
    char none = 0;
    error_code end;
    bool done = false;
    from.async_read_some(asio::buffer(&none, 1), [&](error_code ec, std::size_t) { done = true, end = ec; });
    test::run_until(context, [&] { return done; });
    return end;
  }

  asio::io_context context;
  pipe_end client, a;
  asio::ip::tcp::socket server{context}, b{context};
  any_stream_over<pipe_end> erased_a{a};
  any_stream_over<asio::ip::tcp::socket> erased_b{b};
  relay_outcome outcome;
};

}  // namespace

TEST_CASE("erased relay: bytes go both ways, and each side's EOF behind them", "[relay][erased]") {
  erased_relay r;
  const std::string much(100'000, 'x');
  CHECK(r.pass(r.client, r.server, much) == much);
  CHECK(r.pass(r.server, r.client, "back") == "back");
  r.client.async_shutdown([](error_code) {});
  CHECK(r.end_of(r.server) == eof);
  CHECK(r.pass(r.server, r.client, "later") == "later");
  r.server.shutdown(asio::socket_base::shutdown_send);
  CHECK(r.end_of(r.client) == eof);
  test::run_until(r.context, [&] { return r.outcome.done(); });
  CHECK(r.outcome.is({}));
  CHECK(r.outcome.result.a_to_b == much.size());
  CHECK(r.outcome.result.b_to_a == 9);
}

TEST_CASE("erased relay: a reset of either side is one of the other", "[relay][erased]") {
  erased_relay r;
  const bool of_client = GENERATE(false, true);
  CHECK(r.pass(r.client, r.server, "hello") == "hello");
  if (of_client) {
    r.client.close();
    CHECK(r.end_of(r.server) == reset);
  } else {
    r.server.set_option(asio::socket_base::linger(true, 0));
    r.server.close();
    CHECK(r.end_of(r.client) == reset);
  }
  test::run_until(r.context, [&] { return r.outcome.done(); });
  CHECK(r.outcome.is(reset));
  CHECK(r.outcome.result.failed == (of_client ? relay_side::a : relay_side::b));
}

}  // namespace io_test
