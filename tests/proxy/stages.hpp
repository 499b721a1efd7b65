// An inbound between a client in memory and outbounds that tests watch.
#pragma once

#include "catch.hpp"
#include "support.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/inbound.hpp>
#include <muxpro/semaphore.hpp>

#include <asio/co_spawn.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace stages {

using namespace muxpro;
using namespace muxpro::proxy;
using test::as_result;

/// Writes back what it reads.
class parrot final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context& ctx, client& c) override {
    const counted here(*this);
    connection_result result;
    seen.push_back(ctx);
    co_await c.answer({}, result.why);
    std::array<char, 100> room;
    for (std::error_code ec; !ec;) {
      const std::size_t n = co_await c.read_some(asio::buffer(room), ec);
      if (!ec) co_await c.write(asio::buffer(room.data(), n), ec);
    }
    co_await c.finish();
    co_return result;
  }
  std::vector<context> seen;
};

/// Returns each datagram to the address that it was sent to.
class datagram_parrot final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context&, client&) override {
    co_return connection_result();
  }
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> d) override {
    const counted here(*this);
    seen.push_back(std::move(ctx));
    std::array<char, 2000> room;
    std::error_code ec;
    for (;;) {
      host_port to;
      const std::size_t n = co_await d->receive(asio::buffer(room), to, ec);
      if (ec) break;
      co_await d->send(asio::buffer(room.data(), n), to, ec);
    }
    connection_result result;
    result.why = ec;
    co_return result;
  }
  datagram_support support_for_datagrams() const noexcept override { return datagram_support::carried; }
  std::vector<context> seen;
};

/// What a target does, at its end of a pipe. The connection ends with what that returns.
using target_part = std::function<asio::awaitable<error_code>(pipe_end&)>;

inline asio::awaitable<error_code> play(target_part part, pipe_end end) { co_return co_await part(end); }

/// Answers the client and relays it to a pipe with `part` at its other end.
inline asio::awaitable<error_code> relay_to(target_part part, client& c) {
  error_code ended, why;
  co_await c.answer({}, ended);
  auto [near, far] = make_pipe(c.get_executor());
  semaphore over(c.get_executor());
  const auto note = [&](std::exception_ptr, error_code result) {
    why = result;
    over.release();
  };
  asio::co_spawn(c.get_executor(), play(std::move(part), std::move(far)), note);
  connection_over<pipe_end> peer(std::move(near));
  relay_options patient;
  patient.uplink_only = patient.downlink_only = std::chrono::hours(1);
  co_await c.relay(peer, patient, ended);
  co_await over.async_acquire(1);
  co_return why;
}

/// Does what a test has for it; the connection ends with what that returns.
class actor final : public outbound {
 public:
  using part = target_part;
  explicit actor(part p) : part_(std::move(p)) {}
  asio::awaitable<connection_result> carry(const context& ctx, client& c) override {
    const counted here(*this);
    seen.push_back(ctx);
    connection_result result;
    result.why = co_await relay_to(part_, c);
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
  asio::awaitable<connection_result> carry(const context&, client& c) override {
    connection_result result;
    co_await c.answer(why_, result.why);
    co_return result;
  }

 private:
  const error_code why_;
};

struct bench {
  template <class Inbound>
  explicit bench(Inbound i) : bench(std::shared_ptr<inbound>(std::make_shared<Inbound>(std::move(i)))) {}
  explicit bench(std::shared_ptr<inbound> i) : in(std::move(i)), to(io.get_executor()) {
    auto [near, far] = make_pipe(io.get_executor());
    client = std::move(near);
    to.observe_by([this](const context& ctx, const connection_result& how, duration) {
      ended.push_back(fmt::format("{} via {}: {} {} {}", ctx.outbound.target, ctx.outbound.tag, how.up,
                                  how.down, how.why ? how.why.message() : "done"));
    });
    context ctx;
    ctx.inbound.tag = "in";
    asio::co_spawn(io, in->serve(make_connection(std::move(far)), ctx, to, {}),
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

/// Sends it, and reads all that comes.
inline asio::awaitable<std::string> ask(bench& b, std::string what) {
  co_await write(b.client, std::move(what));
  co_return co_await read_all(b.client);
}

}  // namespace stages
