#include "proxy/dial/server_link.hpp"

#include "proxy/base/own_query.hpp"
#include "proxy/dial/connect_operation.hpp"
#include "proxy/net/dns_stream.hpp"
#include "proxy/net/or_error.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/timer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr duration before_repeat = std::chrono::seconds(1);
constexpr std::size_t longest_datagram_reply = 4096, longest_reply = 65535;

// The operator has chosen the server.
const dial_policy& every_server() {
  static const dial_policy everything = [] {
    dial_policy p;
    p.allow_private(true);
    return p;
  }();
  return everything;
}

/// Datagrams to a server, and the questions in them.
struct datagram_exchange {
  datagram_exchange(std::unique_ptr<datagram_stream> w, host_port t, std::shared_ptr<dns_exchange> q)
      : datagrams(std::move(w)),
        to(std::move(t)),
        questions(std::move(q)),
        pause(datagrams->get_executor()) {}

  void end() {
    if (std::exchange(ended, true)) return;
    pause.cancel();
    datagrams->end(end_code::graceful);
  }

  const std::unique_ptr<datagram_stream> datagrams;
  const host_port to;
  const std::shared_ptr<dns_exchange> questions;
  counted_timer pause;
  bool ended = false;
};

/// Sends what has no reply, again and again.
asio::awaitable<void> send_questions(std::shared_ptr<datagram_exchange> x) {
  while (!x->ended) {
    const auto messages = x->questions->open();
    for (const auto& m : messages) {
      std::error_code why_lost;
      if (!x->ended) co_await x->datagrams->send(asio::buffer(m), x->to, why_lost);
    }
    if (x->ended) break;
    std::error_code cut_short;
    x->pause.expires_after(before_repeat);
    co_await x->pause.async_wait(or_error(cut_short));
  }
}

struct datagram_exchange_end {
  explicit datagram_exchange_end(datagram_exchange& x) : of(x) {}
  datagram_exchange_end(const datagram_exchange_end&) = delete;
  ~datagram_exchange_end() { of.end(); }
  datagram_exchange& of;
};

// Any host may send to a socket of this program, so other sources are ignored.
asio::awaitable<void> receive_replies(datagram_exchange& x, std::error_code& ec) {
  std::array<std::byte, longest_datagram_reply> room;
  host_port from;
  while (!ec && !x.questions->done()) {
    const std::size_t n = co_await x.datagrams->receive(asio::buffer(room), from, ec);
    if (ec == asio::error::message_size)
      ec = {};
    else if (!ec && (x.to.host.is_domain() || from == x.to) &&
             x.questions->take(const_bytes(room).first(n), true) == dns_exchange::outcome::refused)
      x.pause.cancel();
  }
}

std::vector<std::byte> in_one_stream(const dns_exchange& e) {
  std::vector<std::byte> all;
  for (const auto& m : e.open()) append_dns_message(all, m);
  return all;
}

asio::awaitable<void> ask_in_stream(connection& c, dns_exchange& e, std::error_code& ec) {
  std::vector<std::byte> out = in_one_stream(e);
  co_await c.write(asio::buffer(out), ec);
  while (!ec && !e.done()) {
    const std::vector<std::byte> message = co_await read_dns_message(c, longest_reply, ec);
    if (ec || e.take(message, false) != dns_exchange::outcome::refused) continue;
    out = in_one_stream(e);
    co_await c.write(asio::buffer(out), ec);
  }
}

}  // namespace

server_link::server_link(std::shared_ptr<shared_names> known, std::size_t server,
                         asio::any_io_executor executor)
    : known_(std::move(known)),
      server_(server),
      options_(known_->server(server)),
      executor_(std::move(executor)) {}

// A query must not need its own answer to be sent. Therefore rules about content or addresses of names do not
// apply to it.
context server_link::context_of(network net) const {
  context ctx;
  ctx.id = context::new_id();
  ctx.inbound.protocol = own_queries;
  ctx.inbound.tag = options_.tag.empty() ? std::string(own_queries) : options_.tag;
  ctx.outbound.original = ctx.outbound.target = {net, options_.at.host, options_.at.port};
  if (options_.transport != dns_transport::udp)
    ctx.content.protocol = options_.transport == dns_transport::tcp ? "dns" : "https";
  return ctx;
}

asio::awaitable<void> server_link::ask_by_datagrams(std::shared_ptr<dns_exchange> e, std::error_code& ec) {
  dispatcher* const through = known_->dispatcher_of(executor_);
  if (!through) {
    ec = asio::error::no_recovery;
    co_return;
  }
  {
    const auto x = std::make_shared<datagram_exchange>(through->dispatch_datagrams(context_of(network::udp)),
                                                       options_.at, e);
    const datagram_exchange_end end(*x);
    asio::co_spawn(executor_, send_questions(x), [](std::exception_ptr) {});
    co_await receive_replies(*x, ec);
  }
  if (!ec && e->turn_to_stream()) co_await ask_by_stream(e, ec);
}

asio::awaitable<void> server_link::ask_by_stream(std::shared_ptr<dns_exchange> e, std::error_code& ec) {
  const std::shared_ptr<connection> c = co_await open(ec);
  if (ec) co_return;
  co_await ask_in_stream(*c, *e, ec);
  if (ec)
    c->cut();
  else
    co_await c->finish();
}

asio::awaitable<void> server_link::ask_by_https(std::shared_ptr<dns_exchange> e, std::error_code& ec) {
  const auto self = std::make_shared<server_link>(*this);  // a connection is dialled for others, too
  transport::opener below = [self](std::error_code& why) { return self->open(why); };
  co_await known_->doh.at(server_)->ask(*e, std::move(below), ec);
}

asio::awaitable<std::shared_ptr<connection>> server_link::open(std::error_code& ec) {
  dispatcher* const through = known_->dispatcher_of(executor_);
  if (options_.local || !through) co_return co_await dial(ec);
  target_link link = through->dispatch(context_of(network::tcp));
  co_await link.async_wait_for_target(or_error(ec));
  if (ec) co_return nullptr;
  std::shared_ptr<connection> c = make_connection(std::move(link.stream));
  co_return c;
}

asio::awaitable<std::shared_ptr<connection>> server_link::dial(std::error_code& ec) {
  resolver names(known_);
  dial_options limits;
  limits.timeout = options_.timeout;
  const auto attempt = std::make_shared<proxy::connect_operation>(executor_, names, every_server(), limits);
  destination to(network::tcp, options_.at.host, options_.at.port);
  asio::ip::tcp::socket socket = co_await attempt->connect(std::move(to), ec);
  if (ec) co_return nullptr;
  std::shared_ptr<connection> c = make_connection(stream_socket(std::move(socket)));
  co_return c;
}

}  // namespace muxpro::proxy
