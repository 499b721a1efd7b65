#include "session_support.hpp"

#include <asio/local/connect_pair.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>

#include <fmt/format.h>

#include <stdexcept>

namespace io_test {

fate run_in_background(session& s) {
  auto result = std::make_shared<std::optional<error_code>>();
  s.async_run([result](error_code error) { *result = error; });
  return result;
}

void spawn(const asio::any_io_executor& executor, awaitable<> work) {
  asio::co_spawn(executor, std::move(work), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
}

void run(manual_clock& clock, asio::io_context& context, awaitable<> work, duration at_most) {
  struct run_state {
    bool done = false;
    std::exception_ptr error;
  };
  auto out = std::make_shared<run_state>();
  asio::co_spawn(context, std::move(work), [out](std::exception_ptr error) {
    out->done = true;
    out->error = error;
  });
  const time_point limit = clock.now() + at_most;
  for (settle(clock, context); !out->done; settle(clock, context)) {
    const time_point next = clock.next_expiry();
    if (next > limit) throw std::runtime_error("the test does not end in its time");
    clock.advance(next - clock.now());
  }
  if (out->error) std::rethrow_exception(out->error);
}

awaitable<> sleep_for(duration how_long) {
  detail::context_timer timer(co_await asio::this_coro::executor);
  const time_point until = timer.now() + how_long;
  while (timer.now() < until) {
    error_code ignored;
    co_await timer.async_wait_until(until, asio::redirect_error(asio::use_awaitable, ignored));
  }
}

awaitable<> yield(int times) {
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < times; ++i) co_await asio::post(executor, asio::use_awaitable);
}

// --- requests and frames

open_request to_tcp(std::uint8_t priority) {
  return open_request(destination(network::tcp, "example.com", 443), priority);
}

open_request to_udp() { return open_request(destination(network::udp, "192.0.2.7", 53)); }

open_request with_data(std::string_view first_data) {
  open_request request = to_tcp();
  request.first_data = to_bytes(first_data);
  return request;
}

frame new_tcp(stream_id id, std::uint8_t priority) {
  new_stream f;
  f.id = id;
  f.priority = priority;
  f.target = to_tcp().target;
  return f;
}

frame new_udp(stream_id id, std::optional<global_id> source) {
  new_stream f;
  f.id = id;
  f.target = to_udp().target;
  f.source = source;
  return f;
}

frame data_frame(stream_id id, std::size_t size) { return keep{id, static_cast<std::uint16_t>(size), false}; }
frame end_of(stream_id id, end_code code) { return end{id, code}; }
frame credit_for(stream_id id, std::uint32_t increment) { return credit_update{id, increment}; }

namespace {

struct in_words {
  std::size_t payload;

  std::string data() const { return payload > 0 ? fmt::format(" +{}", payload) : std::string(); }
  std::string operator()(const keep& f) const {
    return fmt::format("keep {}{}{}", f.id, f.addressed ? " to" : "", data());
  }
  std::string operator()(const negotiate_version&) const { return "negotiate"; }
  std::string operator()(const new_stream& f) const { return fmt::format("new {}{}", f.id, data()); }
  std::string operator()(const end& f) const {
    if (f.code == end_code::graceful) return fmt::format("end {}", f.id);
    return fmt::format("end {} code {}", f.id, static_cast<unsigned>(f.code));
  }
  std::string operator()(const keep_alive&) const { return "keep_alive"; }
  std::string operator()(const credit_update& f) const {
    return fmt::format("credit {} {}", f.id, f.increment);
  }
};

}  // namespace

std::string words(const muxpro::testing::received_frame& f) {
  return std::visit(in_words{f.payload.size()}, f.header);
}

awaitable<std::string> next_words(scripted_peer& peer) {
  const auto f = co_await peer.expect_frame();
  co_return words(f);
}

// --- sessions

session_pair::session_pair(asio::io_context& context, session_options both, std::size_t capacity)
    : session_pair(context, both, both, capacity) {}

session_pair::session_pair(asio::io_context& context, session_options c, session_options s,
                           std::size_t capacity) {
  auto [a, b] = make_pipe(context.get_executor(), capacity);
  client = session(std::move(a), role::client, std::move(c));
  server = session(std::move(b), role::server, std::move(s));
  client_fate = run_in_background(client);
  server_fate = run_in_background(server);
}

session_pair::session_pair(session c, session s) : client(std::move(c)), server(std::move(s)) {
  client_fate = run_in_background(client);
  server_fate = run_in_background(server);
}

std::pair<tcp::socket, tcp::socket> tcp_pair(asio::io_context& context) {
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::pair<tcp::socket, tcp::socket> out(context, context);
  out.first.connect(acceptor.local_endpoint());
  acceptor.accept(out.second);
  out.first.set_option(tcp::no_delay(true));
  out.second.set_option(tcp::no_delay(true));
  return out;
}

std::pair<local::socket, local::socket> local_pair(asio::io_context& context) {
  std::pair<local::socket, local::socket> out(context, context);
  asio::local::connect_pair(out.first, out.second);
  return out;
}

scripted_session::scripted_session(asio::io_context& context, role r, session_options options,
                                   std::size_t capacity)
    : wire(make_pipe(context.get_executor(), capacity)),
      peer(std::move(wire.first)),
      subject(std::move(wire.second), r, std::move(options)),
      side(r),
      fate(run_in_background(subject)) {}

awaitable<> scripted_session::agree(version v, dialect layout) {
  negotiate_version hello{layout, {}};
  hello.versions.push_back(v);
  const byte_string bytes = encoded(hello);
  if (side == role::client) {
    const auto request = compatible_request();
    co_await peer.expect_bytes(byte_string(request.begin(), request.end()));
    co_await peer.send_bytes(bytes);
  } else {
    co_await peer.send_bytes(bytes);
    co_await peer.expect_bytes(bytes);
  }
  peer.agreed(v);
}

awaitable<sub_stream> opened(scripted_session& s, version v, dialect layout) {
  co_await s.agree(v, layout);
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await next_words(s.peer);
  co_return stream;
}

session_options quiet() {
  session_options o;
  o.keep_alive_interval = 0s;
  return o;
}

void with_script(role side, const std::function<awaitable<>(scripted_session&)>& work,
                 session_options options, std::size_t capacity, duration at_most) {
  asio::io_context context;
  manual_clock clock(context);
  scripted_session s(context, side, std::move(options), capacity);
  run(clock, context, work(s), at_most);
}

awaitable<stream_pair> open_pair(session_pair& p, open_request request) {
  stream_pair out;
  out.client = co_await p.client.async_open(std::move(request));
  out.server = co_await p.server.async_accept();
  co_return out;
}

void with_pair(awaitable<> (*work)(session_pair&), session_options both) {
  asio::io_context context;
  session_pair p(context, std::move(both));
  run(context, work(p));
}

// --- services

awaitable<> echo(sub_stream s, std::size_t buffer_size) {
  byte_string buffer(buffer_size);
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(buffer), as_result);
    if (error == asio::error::eof) break;
    if (error) co_return;
    const auto [failure, m] = co_await asio::async_write(s, asio::buffer(buffer, n), as_result);
    if (failure) co_return;
  }
  co_await s.async_shutdown(as_result);
}

awaitable<> discard(sub_stream s) {
  co_await read_all(s);
  co_await s.async_shutdown(as_result);
}

awaitable<> serve(session& server, service what) {
  const auto executor = server.get_executor();
  for (;;) {
    auto accepted = co_await server.async_accept(as_result);
    auto& [error, stream] = accepted;
    if (error) co_return;
    spawn(executor, what(std::move(stream)));
  }
}

awaitable<read_result> read_all(sub_stream& s) {
  read_result out;
  byte_string buffer(16 * 1024);
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(buffer), as_result);
    out.data.insert(out.data.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    out.error = error;
    if (error) co_return out;
  }
}

awaitable<std::string> read_text(sub_stream& s, std::size_t n) {
  std::string text(n, '\0');
  co_await asio::async_read(s, asio::buffer(text), asio::use_awaitable);
  co_return text;
}

awaitable<> write_text(sub_stream& s, std::string_view text) {
  const std::string copy(text);
  co_await asio::async_write(s, asio::buffer(copy), asio::use_awaitable);
}

}  // namespace io_test
