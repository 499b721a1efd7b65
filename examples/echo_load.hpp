// The echo client's default mode: many sub-streams at once, every byte verified, everything measured.
#pragma once

#include "echo_job.hpp"
#include "echo_pattern.hpp"
#include "echo_report.hpp"

#include <asio/read.hpp>
#include <asio/write.hpp>

#include <unistd.h>

#include <array>
#include <limits>

namespace examples {

struct load_options {
  endpoint connect;
  std::uint32_t streams = 1;
  std::uint64_t bytes = 16 << 20;  ///< per sub-stream
  std::size_t message = 64 * 1024;
  std::uint8_t priority = 0;
  std::chrono::seconds duration{};  ///< not 0: instead of `bytes`
};

class load final : public job {
 public:
  // One sub-stream more than asked for measures round trips.
  load(asio::io_context& io, const load_options& o)
      : job(io, o.connect, o.streams + 1),
        options_(o),
        limit_(o.duration > std::chrono::seconds(0) ? std::numeric_limits<std::uint64_t>::max() : o.bytes),
        read_size_(std::clamp<std::size_t>((16 << 20) / o.streams, 4 << 10, 256 << 10)),
        pattern_(std::max(o.message, read_size_)),
        ping_pause_(io),
        time_is_up_(io),
        next_progress_(io),
        progress_(::isatty(STDERR_FILENO) != 0) {}

 private:
  struct flow {
    explicit flow(muxpro::sub_stream s, std::uint64_t first) : stream(std::move(s)), start(first) {}
    muxpro::sub_stream stream;
    const std::uint64_t start;  ///< in the pattern
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };
  using shared_flow = std::shared_ptr<flow>;

  asio::awaitable<void> work() override {
    started_ = steady::now();
    watch_time();
    show_progress();
    for (std::uint32_t i = 0; i < options_.streams; ++i) {
      muxpro::sub_stream stream = co_await open(options_.priority);
      const auto f = std::make_shared<flow>(std::move(stream), pattern::start_of(i));
      spawn(send(f));
      spawn(receive(f));
    }
    muxpro::sub_stream stream = co_await open(0);
    spawn(ping(std::make_shared<flow>(std::move(stream), pattern::start_of(options_.streams))));
    co_await parts_done(2 * options_.streams);
    pinging_ = false;
    ping_pause_.cancel();
    co_await parts_done(1);
    time_is_up_.cancel();
    next_progress_.cancel();
    progress_.clear();
    report();
  }

  void stop() override { stopping_ = true; }

  asio::awaitable<void> send(shared_flow f) {
    error_code ec;
    while (!stopping_ && f->sent < limit_) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(options_.message, limit_ - f->sent));
      co_await asio::async_write(f->stream, pattern_.at(f->start + f->sent, n), or_error(ec));
      if (ec) throw broken(f->stream, ec);
      f->sent += n;
      sent_ += n;
    }
    sent_at_ = steady::now();
    co_await f->stream.async_shutdown(or_error(ec));
    if (ec) throw broken(f->stream, ec);
  }

  asio::awaitable<void> receive(shared_flow f) {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(read_size_);
    for (;;) {
      error_code ec;
      const auto into = asio::buffer(memory.get(), read_size_);
      const std::size_t n = co_await f->stream.async_read_some(into, or_error(ec));
      if (ec == asio::error::eof) break;
      if (ec) throw broken(f->stream, ec);
      verify(*f, memory.get(), n);
      received_ += n;
    }
    received_at_ = steady::now();
    if (f->received != f->sent)
      throw failure(fmt::format("sub-stream {} ended after {} bytes, {} were sent", f->stream.id(),
                                f->received, f->sent));
  }

  void verify(flow& f, const std::byte* data, std::size_t n) const {
    if (const auto i = pattern_.first_difference(f.start + f.received, data, n))
      throw failure(
          fmt::format("sub-stream {} differs: byte {} came back changed", f.stream.id(), f.received + *i));
    f.received += n;
  }

  // One small message at a time beside the others; the pause leaves them the connection.
  asio::awaitable<void> ping(shared_flow f) {
    std::array<std::byte, 64> message;
    error_code ec;
    while (pinging_ || trips_.count() == 0) {
      const auto sent_at = steady::now();
      co_await asio::async_write(f->stream, pattern_.at(f->start + f->sent, message.size()), or_error(ec));
      if (!ec) co_await asio::async_read(f->stream, asio::buffer(message), or_error(ec));
      if (ec == muxpro::end_code::resources) co_return;  // the others are what was asked for
      if (ec) throw broken(f->stream, ec);
      f->sent += message.size();
      verify(*f, message.data(), message.size());
      trips_.add(steady::now() - sent_at);
      ping_pause_.expires_after(std::chrono::milliseconds(1));
      if (pinging_) co_await ping_pause_.async_wait(or_error(ec));
    }
    co_await f->stream.async_shutdown(or_error(ec));
    if (!ec) co_await f->stream.async_read_some(asio::buffer(message), or_error(ec));
    if (ec != asio::error::eof) throw broken(f->stream, ec);
  }

  void watch_time() {
    if (options_.duration == std::chrono::seconds(0)) return;
    time_is_up_.expires_after(options_.duration);
    time_is_up_.async_wait([this](error_code ec) {
      if (!ec) stop();
    });
  }

  void show_progress() {
    if (!progress_.wanted()) return;
    next_progress_.expires_after(std::chrono::milliseconds(250));
    next_progress_.async_wait([this](error_code ec) {
      if (ec) return;
      const bool unknown = options_.duration > std::chrono::seconds(0);
      progress_.show(sent_, received_, unknown ? 0 : options_.streams * options_.bytes);
      show_progress();
    });
  }

  void report() {
    const auto version = *session_.negotiated();
    const auto stats = session_.stats();
    run_report r;
    r.version = fmt::format("{}.{}", version.major, version.minor);
    r.streams = options_.streams;
    r.sent = sent_;
    r.received = received_;
    r.sending = sent_at_ - started_;
    r.receiving = received_at_ - started_;
    r.credit_stalls = stats.credit_stalls;
    r.credit_stalled = stats.credit_stalled;
    print_table(r, trips_);
  }

  const load_options options_;
  const std::uint64_t limit_;
  const std::size_t read_size_;
  const pattern pattern_;
  round_trips trips_;
  asio::steady_timer ping_pause_, time_is_up_, next_progress_;
  progress_line progress_;
  bool stopping_ = false;
  bool pinging_ = true;
  std::uint64_t sent_ = 0, received_ = 0;
  steady::time_point started_, sent_at_, received_at_;
};

}  // namespace examples
