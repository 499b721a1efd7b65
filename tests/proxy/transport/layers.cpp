// Layers of transports on each other: any order, and layers that carry many connections over one.
#include "catch.hpp"
#include "certificates.hpp"
#include "kept_lines.hpp"
#include "server_engine.hpp"
#include "support.hpp"
#include "word_through.hpp"

#include "proxy/transport/tls.hpp"

#include <muxpro/proxy/transport.hpp>
#include <muxpro/proxy/transport_dialer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::make_address;
using asio::ip::tcp;
using test::as_result;

/// Counts the connections that pass it, and those of them that still exist.
class counting final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code&) const override {
    ++opened;
    const std::lock_guard lock(mutex_);
    all_.push_back(below);
    co_return below;
  }
  bool all_gone() const {
    const std::lock_guard lock(mutex_);
    return std::all_of(all_.begin(), all_.end(), [](const auto& c) { return c.expired(); });
  }
  mutable std::atomic<int> opened = 0;

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::weak_ptr<connection>> all_;
};

/// Each connection is a sub-stream of a session over the connection below.
class many_over_one final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection>,
                                                    std::error_code& ec) const override {
    ec = asio::error::operation_not_supported;
    co_return nullptr;
  }
  asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                               std::error_code&) const override {
    const auto executor = below->get_executor();
    session main = below->into_session(role::server, {});
    main.async_run([](std::error_code) {});
    int open = 0;
    for (;;) {
      auto [ended, stream] = co_await main.async_accept(as_result);
      if (ended) break;
      ++open;
      asio::co_spawn(executor, serve(make_connection(std::move(stream))),
                     [&](std::exception_ptr) { --open; });
    }
    asio::steady_timer pause(executor);
    while (open > 0) {
      pause.expires_after(1ms);
      co_await pause.async_wait(as_result);
    }
  }
  asio::awaitable<std::shared_ptr<connection>> dial(opener below, std::error_code& ec) const override {
    if (!main_) {
      auto c = co_await below(ec);
      if (ec) co_return nullptr;
      main_ = std::make_unique<session>(c->into_session(role::client, {}));
      main_->async_run([](std::error_code) {});
    }
    auto [failed, stream] = co_await main_->async_open(open_request({network::tcp, "inner", 1}), as_result);
    ec = failed;
    if (ec) co_return nullptr;
    co_return make_connection(std::move(stream));
  }
  void end() const { main_.reset(); }

 private:
  mutable std::unique_ptr<session> main_;
};

asio::awaitable<void> echo_words(tcp::acceptor& at) {
  for (;;) {
    auto [closed, s] = co_await at.async_accept(as_result);
    if (closed) co_return;
    std::array<char, 5> room;
    co_await asio::async_read(s, asio::buffer(room), as_result);
    co_await asio::async_write(s, asio::buffer(room), as_result);
  }
}

struct fixture {
  fixture() { asio::co_spawn(io, echo_words(target), asio::detached); }
  stream_address listen(std::shared_ptr<const transport> over) {
    const auto at =
        server.listen(tcp::endpoint(make_address("127.0.0.1"), 0), transport_options(std::move(over)));
    return stream_address(host_port("127.0.0.1", at.port()));
  }
  std::string ask(transport_dialer& way) {
    return test::run(io,
                     test::word_through(way, {network::tcp, "127.0.0.1", target.local_endpoint().port()}));
  }
  void end() {
    server.drain();
    server.wait();
  }

  test::kept_lines lines;
  test::server_engine server{{}, 1, lines.sink()};
  asio::io_context io;
  tcp::acceptor target{io, {make_address("127.0.0.1"), 0}};
};

}  // namespace

TEST_CASE("layers: TLS stands on TLS", "[proxy][transport]") {
  const test::certificates known;
  tls_options server_side, client_side;
  server_side.certificate = known.server.certificate_file;
  server_side.key = known.server.key_file;
  client_side.authority = known.ca.certificate_file;
  client_side.name = "server.example";
  const auto twice = [](role side, const tls_options& o) {
    return stacked(std::make_shared<const tls_transport>(side, o),
                   std::make_shared<const tls_transport>(side, o));
  };
  fixture f;
  const stream_address at = f.listen(twice(role::server, server_side));
  f.server.start();
  transport_dialer both(at, transport_options(twice(role::client, client_side)));
  CHECK(f.ask(both) == "hello");
  transport_dialer once(at,
                        transport_options(std::make_shared<const tls_transport>(role::client, client_side)));
  CHECK(f.ask(once) != "hello");
  f.end();
}

TEST_CASE("layers: a layer that carries many connections over one, with a layer above and below",
          "[proxy][transport]") {
  const auto below = std::make_shared<const counting>(), above = std::make_shared<const counting>();
  const auto many = std::make_shared<const many_over_one>();
  fixture f;
  const stream_address at = f.listen(stacked(stacked(below, std::make_shared<const many_over_one>()), above));
  f.server.start();
  transport_dialer way(at, transport_options(many));
  for (int i = 0; i < 3; ++i) CHECK(f.ask(way) == "hello");
  CHECK(below->opened == 1);
  CHECK(above->opened == 3);
  // Each ends by itself, while the connection below goes on.
  for (int i = 0; i < 5000 && !above->all_gone(); ++i) {
    f.io.restart();
    f.io.run_for(1ms);
  }
  CHECK(above->all_gone());
  CHECK_FALSE(below->all_gone());
  many->end();
  f.end();
}

TEST_CASE("layers: null is no layer", "[proxy][transport]") {
  const auto one = std::make_shared<const counting>();
  CHECK(stacked(nullptr, nullptr) == nullptr);
  CHECK(stacked(one, nullptr) == one);
  CHECK(stacked(nullptr, one) == one);
}
