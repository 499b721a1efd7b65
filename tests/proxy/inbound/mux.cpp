// Main connections whose sub-streams go through the dispatcher: on their own, and inside other protocols.
#include "loopback.hpp"
#include "stages.hpp"

#include "proxy/inbound/http.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/inbound/socks.hpp"

#include <muxpro/sub_datagram.hpp>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace stages;
using namespace std::chrono_literals;
using namespace std::string_literals;

template <class T = void>
using awaitable = asio::awaitable<T>;

/// A main connection over the bench's client that runs.
awaitable<session> main_connection(bench& b) {
  session s(std::move(b.client), role::client);
  co_await s.async_handshake();
  s.async_run([](error_code) {});
  co_return s;
}

awaitable<std::string> ask_stream(sub_stream& s, std::string text) {
  co_await asio::async_write(s, asio::buffer(text), as_result);
  const auto [error, n] = co_await asio::async_read(s, asio::buffer(text), as_result);
  text.resize(n);
  co_return text;
}

awaitable<error_code> end_of(sub_stream& s) {
  char c = 0;
  const auto [error, n] = co_await s.async_read_some(asio::buffer(&c, 1), as_result);
  co_return error;
}

const destination target(network::tcp, "example.com", 443);

awaitable<> each_goes_its_way(bench& b) {
  session s = co_await main_connection(b);
  open_request request(target, 7);
  sub_stream one = co_await s.async_open(request);
  sub_stream two = co_await s.async_open(request);
  const std::string first = co_await ask_stream(one, "one");
  const std::string second = co_await ask_stream(two, "two");
  CHECK(first == "one");
  CHECK(second == "two");
  co_await one.async_shutdown();
  const error_code end = co_await end_of(one);
  CHECK(end == asio::error::eof);
  two.reset();
  while (b.to.live() > 0) co_await asio::post(b.io, asio::use_awaitable);
}

error_code refusal(error_code why) {
  bench b(mux_inbound({}));
  b.to.add("wall", std::make_shared<wall>(why));
  error_code end;
  const auto talk = [&]() -> awaitable<> {
    session s = co_await main_connection(b);
    open_request request(target);
    sub_stream stream = co_await s.async_open(request);
    end = co_await end_of(stream);
  };
  b.run(talk());
  return end;
}

/// Dials until its client gives up.
class seeker final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context&, client& c) override {
    const counted here(*this);
    connection_result result;
    semaphore gone(c.get_executor());
    c.on_abandoned([&](std::error_code why) {
      result.why = why;
      gone.release();
    });
    co_await gone.async_acquire(1);
    co_return result;
  }
};

awaitable<> is_given_up(bench& b) {
  session s = co_await main_connection(b);
  open_request request(target);
  {
    sub_stream stream = co_await s.async_open(request);
    while (b.to.live() == 0) co_await asio::post(b.io, asio::use_awaitable);
    stream.reset();
  }
  while (b.to.live() > 0) co_await asio::post(b.io, asio::use_awaitable);
}

awaitable<> one_at_a_time(bench& b) {
  session s = co_await main_connection(b);
  open_request request(target);
  sub_stream first = co_await s.async_open(request);
  sub_stream waits = co_await s.async_open(request);
  sub_stream refused = co_await s.async_open(request);
  const error_code end = co_await end_of(refused);
  CHECK(end == end_code::resources);
  CHECK(b.to.live() == 1);
  first.reset();
  waits.reset();
}

awaitable<> datagrams_too(bench& b) {
  session s = co_await main_connection(b);
  open_request request({network::udp, "192.0.2.1", 53});
  request.source = global_id{1, 2, 3};
  sub_datagram d(co_await s.async_open(request));
  const host_port elsewhere("192.0.2.2", 54);
  co_await d.async_send_to(asio::buffer("hello", 5), elsewhere);
  std::array<char, 10> room;
  host_port from;
  const std::size_t n = co_await d.async_receive_from(asio::buffer(room), from);
  CHECK(std::string(room.data(), n) == "hello");
  CHECK(from == elsewhere);
  d.close();
  while (b.to.live() > 0) co_await asio::post(b.io, asio::use_awaitable);
}

const std::string connect_head = "CONNECT MUX.pro.:9527 HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string established = "HTTP/1.1 200 Connection established\r\n\r\n";
const std::string socks_hello = "\x05\x01\x00\x05\x01\x00\x03\x07mux.pro\x25\x37"s;
constexpr std::size_t socks_replies = 2 + 10;

awaitable<> inside(bench& b, std::string request, std::size_t replies) {
  co_await say(b, std::move(request), replies);
  co_await each_goes_its_way(b);
}

std::shared_ptr<const mux_inbound> main_connections() {
  return std::make_shared<mux_inbound>(mux_inbound_options());
}

using loopback_test::standing;

awaitable<session> connect(standing& x) {
  session_options usual;
  session s = co_await loopback_test::dial_server(x.at, usual);
  co_await s.async_handshake();
  s.async_run([](error_code) {});
  co_return s;
}

awaitable<> drains(standing& x) {
  session s = co_await connect(x);
  open_request request(x.to_echo());
  sub_stream busy = co_await s.async_open(request);
  const std::string before = co_await ask_stream(busy, "before");
  CHECK(before == "before");
  x.whole.drain();
  co_await loopback_test::pause(20ms);
  sub_stream late = co_await s.async_open(request);
  const error_code refused = co_await end_of(late);
  CHECK(refused == end_code::resources);
  const std::string during = co_await ask_stream(busy, "during");
  CHECK(during == "during");
  co_await busy.async_shutdown();
  const error_code end = co_await end_of(busy);
  CHECK(end == asio::error::eof);
}

awaitable<> is_cut(standing& x) {
  session s = co_await connect(x);
  open_request request(x.to_echo());
  sub_stream busy = co_await s.async_open(request);
  co_await ask_stream(busy, "before");
  x.whole.drain();
  const error_code end = co_await end_of(busy);
  CHECK(end);
  CHECK(end != asio::error::eof);
}

}  // namespace

TEST_CASE("mux inbound: each sub-stream is a connection of its own", "[proxy][mux]") {
  bench b(mux_inbound({}));
  const auto parrots = std::make_shared<parrot>();
  b.to.add("parrot", parrots);
  b.run(each_goes_its_way);
  REQUIRE(parrots->seen.size() == 2);
  const context &one = parrots->seen[0], &two = parrots->seen[1];
  CHECK(one.id != two.id);
  CHECK(one.inbound.tag == "in");
  CHECK(one.inbound.protocol == "mux.pro");
  CHECK(one.inbound.carrier == two.inbound.carrier);
  CHECK(to_string(one.outbound.target) == "tcp:example.com:443");
  CHECK(one.outbound.priority == 7);
  CHECK(b.ended.size() == 2);
}

TEST_CASE("mux inbound: a missing target is an End with its code", "[proxy][mux]") {
  CHECK(refusal(end_code::rejected) == end_code::rejected);
  CHECK(refusal(end_code::resources) == end_code::resources);
  CHECK(refusal(asio::error::connection_refused) == end_code::unreachable);
  CHECK(refusal(asio::error::host_not_found) == end_code::unreachable);
  CHECK(refusal(asio::error::timed_out) == end_code::timeout);
  CHECK(refusal(errc::pool_exhausted) == end_code::remote_disconnect);
}

TEST_CASE("mux inbound: a target whose client has gone is not dialled", "[proxy][mux]") {
  bench b(mux_inbound({}));
  b.to.add("seeker", std::make_shared<seeker>());
  b.run(is_given_up);
}

TEST_CASE("mux inbound: targets are sought for so many sub-streams at a time", "[proxy][mux]") {
  mux_inbound_options o;
  o.max_pending_dials = 1;
  o.max_waiting_dials = 1;
  bench b{mux_inbound(o)};
  b.to.add("seeker", std::make_shared<seeker>());
  b.run(one_at_a_time);
}

TEST_CASE("mux inbound: datagrams with their addresses and their source", "[proxy][mux][udp]") {
  bench b(mux_inbound({}));
  const auto parrots = std::make_shared<datagram_parrot>();
  b.to.add("parrot", parrots);
  b.run(datagrams_too);
  REQUIRE(parrots->seen.size() == 1);
  CHECK(parrots->seen[0].datagrams.source == global_id{1, 2, 3});
  CHECK(parrots->seen[0].datagrams.addressed);
}

TEST_CASE("mux inbound: a client that does not negotiate is cut in time", "[proxy][mux]") {
  mux_inbound_options o;
  o.session.negotiate_timeout = 20ms;
  bench b{mux_inbound(o)};
  b.run([](bench& x) -> awaitable<> {
    const std::string heard = co_await read_all(x.client);
    CHECK(heard == "!");
  });
}

TEST_CASE("mux inbound: senseless options are refused with a sentence", "[proxy][mux]") {
  mux_inbound_options o;
  o.max_pending_dials = 0;
  CHECK_THROWS_WITH(mux_inbound(o), "max_pending_dials is 0, it must be 1 to 65535");
}

TEST_CASE("mux inbound: inside SOCKS and CONNECT, where that is allowed", "[proxy][mux]") {
  socks_inbound_options socks;
  http_inbound_options http;
  socks.main_connections = http.main_connections = main_connections();
  {
    bench b{socks_inbound(socks)};
    const auto parrots = std::make_shared<parrot>();
    b.to.add("parrot", parrots);
    b.run(inside(b, socks_hello, socks_replies));
    CHECK(parrots->seen.size() == 2);
  }
  {
    bench b{http_inbound(http)};
    const auto parrots = std::make_shared<parrot>();
    b.to.add("parrot", parrots);
    b.run(inside(b, connect_head, established.size()));
    CHECK(parrots->seen.size() == 2);
  }
}

TEST_CASE("mux inbound: where it is not allowed, mux.pro is a host as any other", "[proxy][mux]") {
  bench b(socks_inbound({}));
  const auto parrots = std::make_shared<parrot>();
  b.to.add("parrot", parrots);
  b.run([](bench& x) -> awaitable<> {
    const std::string heard = co_await say(x, socks_hello + "hello", socks_replies + 5);
    CHECK(heard.substr(socks_replies) == "hello");
  });
  REQUIRE(parrots->seen.size() == 1);
  CHECK(to_string(parrots->seen[0].outbound.target) == "tcp:mux.pro:9527");
}

TEST_CASE("mux inbound: a drain lets sub-streams end, and no new one begin", "[proxy][mux]") {
  standing x(main_connections());
  x.run(drains);
  x.whole.wait();
}

TEST_CASE("mux inbound: a drain ends at its limit", "[proxy][mux]") {
  instance_options o;
  o.drain_timeout = 50ms;
  standing x(main_connections(), o);
  x.run(is_cut);
  x.whole.wait();
}
