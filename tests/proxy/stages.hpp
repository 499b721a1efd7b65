// An inbound between a client in memory and outbounds that tests watch.
#pragma once

#include "catch.hpp"
#include "support.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/inbound.hpp>

#include <asio/co_spawn.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace stages {

using namespace muxpro;
using namespace muxpro::proxy;
using test::as_result;

/// Says what it hears.
class parrot final : public outbound {
 public:
  asio::awaitable<carried> carry(context c, outbound_link link) override {
    const counted here(*this);
    carried result;
    seen.push_back(c);
    link.target().tell({});
    std::array<char, 100> room;
    for (;;) {
      const auto [error, n] = co_await link.stream.async_read_some(asio::buffer(room), as_result);
      if (error) break;
      result.up += n;
      co_await asio::async_write(link.stream, asio::buffer(room.data(), n), as_result);
      result.down += n;
    }
    co_await link.stream.async_shutdown(as_result);
    co_return result;
  }
  std::vector<context> seen;
};

/// Says what it hears, to whom it was meant for.
class datagram_parrot final : public outbound {
 public:
  asio::awaitable<carried> carry(context, outbound_link) override { co_return carried(); }
  asio::awaitable<carried> carry_datagrams(context c, std::unique_ptr<datagram_stream> d) override {
    const counted here(*this);
    seen.push_back(std::move(c));
    std::array<char, 2000> room;
    std::error_code ec;
    for (;;) {
      host_port to;
      const std::size_t n = co_await d->receive(asio::buffer(room), to, ec);
      if (ec) break;
      co_await d->send(asio::buffer(room.data(), n), to, ec);
    }
    carried result;
    result.why = ec;
    co_return result;
  }
  std::vector<context> seen;
};

/// Does what a test tells it to; the link ends with what that returns.
class actor final : public outbound {
 public:
  using part = std::function<asio::awaitable<error_code>(pipe_end&)>;
  explicit actor(part p) : part_(std::move(p)) {}
  asio::awaitable<carried> carry(context c, outbound_link link) override {
    const counted here(*this);
    seen.push_back(std::move(c));
    link.target().tell({});
    carried result;
    result.why = co_await part_(link.stream);
    link.target().end(result.why);
    co_return result;
  }
  std::vector<context> seen;

 private:
  const part part_;
};

/// Has no target, for this reason.
class wall final : public outbound {
 public:
  explicit wall(error_code why) : why_(why) {}
  asio::awaitable<carried> carry(context, outbound_link link) override {
    link.target().tell(why_);
    char first = 0;
    const auto [error, n] = co_await link.stream.async_read_some(asio::buffer(&first, 1), as_result);
    leaked += n;
    co_return carried{};
  }
  std::size_t leaked = 0;

 private:
  const error_code why_;
};

struct bench {
  template <class Inbound>
  explicit bench(Inbound i) : bench(std::shared_ptr<inbound>(std::make_shared<Inbound>(std::move(i)))) {}
  explicit bench(std::shared_ptr<inbound> i) : in(std::move(i)), to(io.get_executor()) {
    auto [near, far] = make_pipe(io.get_executor());
    client = std::move(near);
    to.observe_by([this](const context& c, const carried& how, duration) {
      ended.push_back(fmt::format("{} via {}: {} {} {}", c.outbound.target, c.outbound.tag, how.up, how.down,
                                  how.why ? how.why.message() : "done"));
    });
    context known;
    known.inbound.tag = "in";
    asio::co_spawn(io, in->serve(make_connection(std::move(far)), known, to, {}),
                   [this](std::exception_ptr e) { served = !e; });
  }
  /// Until the client, the inbound and the outbounds are done.
  void run(asio::awaitable<void> work) {
    test::run(io, std::move(work));
    client.close();
    test::run_until(io, [this] { return served && to.live() == 0; });
  }
  void run(asio::awaitable<void> (*work)(bench&)) { run(work(*this)); }

  asio::io_context io;
  std::shared_ptr<inbound> in;
  dispatcher to;
  pipe_end client;
  std::vector<std::string> ended;
  bool served = false;
};

inline asio::awaitable<void> write(pipe_end& to, std::string what) {
  co_await asio::async_write(to, asio::buffer(what), as_result);
}

/// What comes next, `size` bytes of it or up to the end.
inline asio::awaitable<std::string> read(pipe_end& from, std::size_t size) {
  std::string heard(size, '\0');
  const auto [error, n] = co_await asio::async_read(from, asio::buffer(heard), as_result);
  heard.resize(n);
  co_return heard;
}

/// All that comes, and how it ended: "|" a clean end, "!" a cut.
inline asio::awaitable<std::string> read_all(pipe_end& from) {
  std::string heard;
  std::array<char, 1000> room;
  for (;;) {
    const auto [error, n] = co_await from.async_read_some(asio::buffer(room), as_result);
    heard.append(room.data(), n);
    if (error) co_return heard + (error == asio::error::eof ? "|" : "!");
  }
}

inline asio::awaitable<std::string> say(bench& b, std::string what, std::size_t answer) {
  co_await write(b.client, std::move(what));
  co_return co_await read(b.client, answer);
}

/// Says it, and hears all that comes.
inline asio::awaitable<std::string> ask(bench& b, std::string what) {
  co_await write(b.client, std::move(what));
  co_return co_await read_all(b.client);
}

}  // namespace stages
