// What is thrown on the way of a connection costs that connection alone.
#include "loopback.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/engine/workers.hpp"
#include "proxy/inbound/socks.hpp"

#include <muxpro/proxy/transport.hpp>

#include <asio/post.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

namespace {

using namespace loopback_test;
using namespace std::string_literals;

enum class thrown { system_error, bad_alloc, number };

[[noreturn]] void fail(thrown what) {
  switch (what) {
    case thrown::system_error: throw std::system_error(std::make_error_code(std::errc::io_error));
    case thrown::bad_alloc: throw std::bad_alloc();
    case thrown::number: break;
  }
  throw 7;
}

/// Throws the first time that it is asked, not any more after that.
class fuse {
 public:
  explicit fuse(thrown what) : what_(what) {}
  void pass() const {
    if (!*burnt_ && !burnt_->exchange(true)) fail(what_);
  }
  bool burnt() const { return *burnt_; }

 private:
  const thrown what_;
  const std::shared_ptr<std::atomic<bool>> burnt_ = std::make_shared<std::atomic<bool>>(false);
};

class fused_inbound final : public inbound {
 public:
  explicit fused_inbound(fuse f) : fuse_(std::move(f)) {}
  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override {
    fuse_.pass();
    co_await inner_.serve(std::move(c), std::move(ctx), to, std::move(place));
  }
  bool admit_datagrams(context&) const override {
    ++datagrams;
    fuse_.pass();
    return false;
  }
  mutable std::atomic<int> datagrams = 0;

 private:
  const fuse fuse_;
  const socks_inbound inner_{socks_inbound_options()};
};

class fused_transport final : public transport {
 public:
  explicit fused_transport(fuse f) : fuse_(std::move(f)) {}
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> c,
                                                    std::error_code&) const override {
    fuse_.pass();
    co_return c;
  }

 private:
  const fuse fuse_;
};

/// A proxy on one thread, and what of it may throw.
struct parts_of_proxy {
  std::shared_ptr<const inbound> in = std::make_shared<socks_inbound>(socks_inbound_options());
  transport_options how;
  dispatcher::choose_outbound choose;
  instance_options options;
  log_sink log = [](log_level, std::string_view) {};
};

struct fused : targets {
  explicit fused(parts_of_proxy p)
      : whole(
            p.options, 1,
            [this, choose = p.choose](dispatcher& d, asio::io_context&) {
              d.add("direct",
                    std::make_shared<freedom>(names, policy, dial_options(), relay_options(), nullptr));
              if (choose) d.route_by(choose);
            },
            p.log),
        at(whole.listen(tcp::endpoint(loopback, 0), "in", p.in, p.how)),
        udp_at(whole.listen_for_datagrams({loopback, 0}, "in", p.in)) {
    policy.allow_private(true);
    whole.start();
  }
  void run(std::function<awaitable<>(fused&)> work) {
    targets::run<fused>(*this, std::move(work));
    whole.drain();
    whole.wait();
  }

  resolver names;
  dial_policy policy;
  instance whole;
  tcp::endpoint at;
  udp::endpoint udp_at;
};

awaitable<std::string> ask_echo(fused& f) {
  tcp::socket s(f.io);
  co_await s.async_connect(f.at, asio::use_awaitable);
  const std::uint16_t port = f.to_echo().port;
  co_await write(s, "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) +
                        static_cast<char>(port & 255) + "hello");
  std::error_code cut_already;
  s.shutdown(tcp::socket::shutdown_send, cut_already);
  const std::string heard = co_await read_all(s);
  co_return heard.size() == 12 + 6 ? heard.substr(12, 5) : "cut";
}

awaitable<> one_is_lost(fused& f) {
  const std::string first = co_await ask_echo(f);
  CHECK(first == "cut");
  const std::string second = co_await ask_echo(f);
  CHECK(second == "hello");
}

awaitable<> none_is_lost(fused& f) {
  for (int i = 0; i < 2; ++i) {
    const std::string heard = co_await ask_echo(f);
    CHECK(heard == "hello");
  }
}

// The second one finds no place, and the log cannot be written.
awaitable<> the_log_is_full(fused& f) {
  {
    tcp::socket waits(f.io), refused(f.io);
    co_await waits.async_connect(f.at, asio::use_awaitable);
    co_await refused.async_connect(f.at, asio::use_awaitable);
    const std::string heard = co_await read_all(refused);
    CHECK(heard.size() == 1);
  }
  std::string heard;
  for (int i = 0; i < 100 && heard != "hello"; ++i) {
    heard = co_await ask_echo(f);
    co_await pause(5ms);
  }
  CHECK(heard == "hello");
}

}  // namespace

TEST_CASE("exceptions: what is thrown costs one connection", "[proxy][exceptions]") {
  const fuse f(GENERATE(thrown::system_error, thrown::bad_alloc, thrown::number));
  SECTION("by an inbound") {
    parts_of_proxy p;
    p.in = std::make_shared<fused_inbound>(f);
    fused(p).run(one_is_lost);
  }
  SECTION("by a transport") {
    parts_of_proxy p;
    p.how = transport_options(std::make_shared<fused_transport>(f));
    fused(p).run(one_is_lost);
  }
  SECTION("by the function that chooses an outbound") {
    parts_of_proxy p;
    p.choose = [f](const context&) -> awaitable<outbound_choice> {
      f.pass();
      co_return "direct";
    };
    const auto lines = std::make_shared<std::atomic<int>>(0);
    p.options.access = [lines](const ended_connection&) { ++*lines; };
    fused(p).run(one_is_lost);
    CHECK(*lines == 2);
  }
  CHECK(f.burnt());
}

TEST_CASE("exceptions: lines that cannot be written end no connection", "[proxy][exceptions]") {
  parts_of_proxy p;
  p.options.access = [](const ended_connection&) { throw std::runtime_error("the disk is full"); };
  fused(p).run(none_is_lost);
}

TEST_CASE("exceptions: a listener goes on", "[proxy][exceptions]") {
  SECTION("without its log") {
    const auto what = GENERATE(thrown::system_error, thrown::number);
    parts_of_proxy p;
    p.options.max_waiting = 1;
    p.options.accept_backoff = 1ms;
    p.log = [what](log_level, std::string_view) { fail(what); };
    fused(p).run(the_log_is_full);
  }
  SECTION("without the datagram that something is thrown for") {
    const auto what = GENERATE(thrown::system_error, thrown::bad_alloc, thrown::number);
    const auto in = std::make_shared<fused_inbound>(fuse(what));
    parts_of_proxy p;
    p.in = in;
    fused f(p);
    udp::socket client(f.io, {loopback, 0});
    for (int i = 0; i < 2; ++i) client.send_to(asio::buffer("x", 1), f.udp_at);
    f.run([in](fused&) -> awaitable<> { co_await wait_for([&] { return in->datagrams == 2; }); });
  }
}

TEST_CASE("exceptions: a thread goes on without the handler that has thrown", "[proxy][exceptions]") {
  const auto what = GENERATE(thrown::bad_alloc, thrown::number);
  workers threads(1);
  std::promise<void> reached;
  asio::post(threads[0], [what] { fail(what); });
  asio::post(threads[0], [&] { reached.set_value(); });
  threads.start();
  CHECK(reached.get_future().wait_for(10s) == std::future_status::ready);
}
