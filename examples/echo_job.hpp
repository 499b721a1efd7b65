// What the echo client does in any mode: one session, its end, signals, and the sentence with the reason.
#pragma once

#include "common.hpp"
#include "sockets.hpp"

#include <muxpro.hpp>

#include <asio/co_spawn.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

namespace examples {

/// A job consists of parts, coroutines that run side by side. The first one that throws ends it.
class job {
 public:
  job(asio::io_context& io, endpoint peer, std::uint32_t streams)
      : io_(io),
        parts_(io.get_executor()),
        peer_(std::move(peer)),
        signals_(io, SIGINT, SIGTERM),
        patience_(io) {
    session_options_.max_streams = streams;
  }
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  virtual ~job() = default;

  /// Returns the exit status: 0, or 128 and the number of the signal after which all that was under way came
  /// back. Throws failure.
  int run() {
    wait_for_signal();
    asio::co_spawn(io_, all(), [this](std::exception_ptr e) { fail(e); });
    io_.run();
    if (failure_) std::rethrow_exception(failure_);
    return status();
  }

 protected:
  /// What is done between the negotiation and the end of the session.
  virtual asio::awaitable<void> work() = 0;
  /// A signal has come: send nothing new, let come back what is under way.
  virtual void stop() = 0;

  void spawn(asio::awaitable<void> part) {
    asio::co_spawn(io_, std::move(part), [this](std::exception_ptr e) {
      fail(e);
      parts_.release();
    });
  }
  asio::awaitable<void> parts_done(std::uint64_t n) { co_await parts_.async_acquire(n, asio::use_awaitable); }

  asio::awaitable<muxpro::sub_stream> open(std::uint8_t priority) {
    error_code ec;
    muxpro::open_request request({muxpro::network::tcp, "echo", 7}, priority);
    auto stream = co_await session_.async_open(std::move(request), or_error(ec));
    if (ec) throw failure(explain(ec));
    co_return stream;
  }

  /// Why an operation of a sub-stream has failed, as one sentence.
  failure broken(const muxpro::sub_stream& stream, error_code ec) const {
    const bool of_stream = ec.category() == muxpro::end_category() || ec == muxpro::errc::stream_timeout ||
                           ec == muxpro::errc::stream_violation;
    if (!of_stream) return failure(explain(ec));
    const char* advice = ec == muxpro::end_code::resources ? " (does it allow as many sub-streams?)" : "";
    return failure(fmt::format("sub-stream {} was ended: {}{}", stream.id(), ec.message(), advice));
  }

  asio::io_context& io_;
  muxpro::session session_;

 private:
  static constexpr std::chrono::seconds connect_limit{10};
  static constexpr std::chrono::seconds drain_limit{5};

  asio::awaitable<void> all() {
    stream_socket socket = co_await connect_to(peer_, connect_limit);
    session_ = muxpro::session(std::move(socket), muxpro::role::client, session_options_);
    error_code ec;
    co_await session_.async_handshake(or_error(ec));
    if (ec) throw failure(explain_negotiation(ec));
    session_.async_run([](error_code) {});  // the sub-streams report its fate
    working_ = true;
    co_await work();
    co_await session_.async_drain(or_error(ec));
    if (ec) throw failure(explain(ec));
    session_.close();
    signals_.cancel();
    patience_.cancel();
  }

  void fail(std::exception_ptr e) {
    if (!e || failure_) return;
    failure_ = e;
    io_.stop();
  }

  // Before the negotiation is over nothing can be lost, and a resolver that hangs is not waited for.
  void wait_for_signal() {
    signals_.async_wait([this](error_code ec, int number) {
      if (ec) return;
      if (signal_ != 0) return fail(interrupted());
      signal_ = number;
      if (!working_) std::_Exit(status());
      stop();
      patience_.expires_after(drain_limit);
      patience_.async_wait([this](error_code cancelled) {
        if (!cancelled) fail(interrupted());
      });
      wait_for_signal();
    });
  }

  std::exception_ptr interrupted() const {
    return std::make_exception_ptr(failure("interrupted before everything came back", status()));
  }

  int status() const noexcept { return signal_ == 0 ? 0 : 128 + signal_; }

  std::string explain(error_code ec) const {
    if (ec == muxpro::errc::connection_lost) return fmt::format("the connection to {} was lost", peer_.text);
    if (ec.category() != muxpro::error_category())
      return fmt::format("the connection to {} was lost: {}", peer_.text, ec.message());
    return fmt::format("the session with {} ended: {}", peer_.text, ec.message());
  }

  std::string explain_negotiation(error_code ec) const {
    if (ec == muxpro::errc::not_muxpro)
      return fmt::format("{} is no Mux.Pro server: it answers the version negotiation with something else",
                         peer_.text);
    if (ec == muxpro::errc::no_common_version)
      return fmt::format("{} and this client have no Mux.Pro version in common", peer_.text);
    if (ec == muxpro::errc::negotiate_timeout)
      return fmt::format("{} does not answer the version negotiation: it may be no Mux.Pro server",
                         peer_.text);
    if (ec == muxpro::errc::connection_lost || ec.category() != muxpro::error_category())
      return fmt::format(
          "{} closed the connection during the version negotiation: it is no Mux.Pro server, "
          "or has no version in common with this client",
          peer_.text);
    return fmt::format("the version negotiation with {} failed: {}", peer_.text, ec.message());
  }

  muxpro::semaphore parts_;
  const endpoint peer_;
  muxpro::session_options session_options_;
  asio::signal_set signals_;
  asio::steady_timer patience_;
  int signal_ = 0;
  bool working_ = false;  ///< the negotiation is over
  std::exception_ptr failure_;
};

}  // namespace examples
