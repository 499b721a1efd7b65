// A long fat pipe in this process, on a virtual clock: how soon one sub-stream fills it, and with what
// memory.
#include "client.hpp"

#include "../simulation/link.hpp"

#include <asio/detached.hpp>
#include <asio/write.hpp>

#include <malloc.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

namespace bench {

namespace {

using namespace std::chrono_literals;
using simulation::link_end;

struct path_options {
  muxpro::duration round_trip;
  std::uint64_t bytes_per_second;
  muxpro::session_options session;
};

/// One sub-stream that sends as fast as it can, and its observer.
class long_fat_pipe {
 public:
  explicit long_fat_pipe(const path_options& o) : options_(o), world_(1, false) {
    simulation::direction_habits habits;
    habits.delay = o.round_trip / 2;
    habits.bytes_per_second = o.bytes_per_second;
    // As a TCP whose buffers fit the path: what is not yet acknowledged is under way.
    habits.capacity = std::max<std::size_t>(bytes_in(o.round_trip), 65536);
    link_ = std::make_shared<simulation::link>(world_, 1, habits, habits);
    client_ = muxpro::session(link_end(link_, 0), muxpro::role::client, o.session);
    server_ = muxpro::session(link_end(link_, 1), muxpro::role::server, o.session);
  }

  void run() {
    client_.async_run(asio::detached);
    server_.async_run(asio::detached);
    asio::co_spawn(world_.context(), send(), asio::detached);
    asio::co_spawn(world_.context(), receive(), asio::detached);
    world_.after(options_.round_trip, [this] { look(); });
    world_.run_until([] { return false; }, 10s);
    if (world_.failed()) throw failure(world_.complaint());
    print();
    world_.end_context();
  }

 private:
  std::size_t bytes_in(muxpro::duration d) const {
    return static_cast<std::size_t>(static_cast<double>(options_.bytes_per_second) *
                                    std::chrono::duration<double>(d).count());
  }

  asio::awaitable<void> send() {
    muxpro::sub_stream stream = co_await client_.async_open({{muxpro::network::tcp, "127.0.0.1", 7}});
    const std::vector<char> block(65536, 'x');
    for (;;) co_await asio::async_write(stream, asio::buffer(block), asio::use_awaitable);
  }

  asio::awaitable<void> receive() {
    stream_ = co_await server_.async_accept();
    std::vector<char> block(65536);
    for (;;) received_ += co_await stream_.async_read_some(asio::buffer(block), asio::use_awaitable);
  }

  // Once in each round trip.
  void look() {
    const double share = static_cast<double>(received_ - received_before_) /
                         static_cast<double>(bytes_in(options_.round_trip));
    received_before_ = received_;
    best_ = std::max(best_, share);
    if (share >= 0.9 && full_at_ == muxpro::duration{}) full_at_ = world_.now();
    const auto s = server_.stats();
    unread_ = std::max(unread_, s.unread);
    if (stream_.is_open()) window_ = std::max(window_, stream_.stats().receive_window);
    const auto heap = ::mallinfo2();
    const std::uint64_t on_the_link = link_->held(0) + link_->held(1);
    heap_ =
        std::max(heap_, heap.uordblks + heap.hblkhd - std::min<std::uint64_t>(heap.uordblks, on_the_link));
    world_.after(options_.round_trip, [this] { look(); });
  }

  void print() const {
    constexpr double never = std::numeric_limits<double>::infinity();
    const bool full = full_at_ > muxpro::duration{};
    print_metric("secs_to_90_per_cent", full ? std::chrono::duration<double>(full_at_).count() : never, "s");
    print_metric("best_share", best_ * 100, "%");
    constexpr double mebibyte = 1 << 20;
    print_metric("window", window_ / mebibyte, "MiB");
    print_metric("unread", static_cast<double>(unread_) / mebibyte, "MiB");
    print_metric("heap", static_cast<double>(heap_) / mebibyte, "MiB");
  }

  const path_options options_;
  simulation::world world_;
  std::shared_ptr<simulation::link> link_;
  muxpro::session client_, server_;
  muxpro::sub_stream stream_;
  std::uint64_t received_ = 0, received_before_ = 0, unread_ = 0, heap_ = 0;
  std::uint32_t window_ = 0;
  double best_ = 0;
  muxpro::duration full_at_{};
};

}  // namespace

int run_path(arguments& words) {
  words.read_values();
  path_options o;
  o.round_trip = std::chrono::milliseconds(words.number("rtt_ms", 100, 1, 10'000));
  o.bytes_per_second = words.number("mbit", 1000, 1, 100'000) * 125'000;
  o.session.max_window =
      static_cast<std::uint32_t>(words.number("max_window", o.session.max_window, 65536, 1 << 30));
  o.session.session_window_budget = words.number("budget", o.session.session_window_budget, 65536, 1 << 30);
  words.check_all_used();
  long_fat_pipe(o).run();
  return 0;
}

}  // namespace bench
