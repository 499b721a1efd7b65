// Where connections go that a proxy with several threads accepts.
#include "loopback.hpp"

#include <muxpro/proxy/inbounds/mux.hpp>
#include <muxpro/proxy/workers.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace loopback_test;

std::vector<std::size_t> threads_of(const std::vector<workers::seat>& seats) {
  std::vector<std::size_t> all;
  for (const auto& s : seats) all.push_back(s.worker());
  return all;
}

std::vector<workers::seat> take(workers& threads, std::size_t how_many, std::uint32_t lead) {
  std::vector<workers::seat> seats;
  for (std::size_t i = 0; i < how_many; ++i) seats.push_back(threads.take_seat(lead));
  return seats;
}

/// Remembers the threads of its connections, which end with their clients.
class place_keeper final : public inbound {
 public:
  explicit place_keeper(bool lasting) : lasting_(lasting) {}
  asio::awaitable<void> serve(std::shared_ptr<connection> c, context, dispatcher&,
                              admission::ticket) const override {
    {
      const std::lock_guard lock(mutex_);
      threads_.insert(std::this_thread::get_id());
      ++connections_;
    }
    char none;
    std::error_code ec;
    co_await c->read_some(asio::buffer(&none, 1), ec);
  }
  bool lasting() const noexcept override { return lasting_; }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }
  std::size_t threads() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
  }

 private:
  const bool lasting_;
  mutable std::mutex mutex_;
  mutable std::set<std::thread::id> threads_;
  mutable std::size_t connections_ = 0;
};

std::size_t threads_of_two_connections(bool lasting) {
  const auto in = std::make_shared<const place_keeper>(lasting);
  auto none = [](dispatcher&, asio::io_context&) {};
  instance whole(instance_options(), 2, none, [](log_level, std::string_view) {});
  const tcp::endpoint at = whole.listen(tcp::endpoint(loopback, 0), "in", in);
  whole.start();
  asio::io_context io;
  tcp::socket first(io), second(io);
  first.connect(at);
  second.connect(at);
  test::run(io, wait_for([&] { return in->connections() == 2; }));
  return in->threads();
}

}  // namespace

TEST_CASE("connections spread over the threads", "[proxy][workers]") {
  workers threads(3);
  const auto seats = take(threads, 6, 0);
  CHECK(threads_of(seats) == std::vector<std::size_t>{0, 1, 2, 0, 1, 2});
}

TEST_CASE("the first thread alone is ahead of the others", "[proxy][workers]") {
  workers threads(4);
  const auto seats = take(threads, 9, 1);
  CHECK(threads_of(seats) == std::vector<std::size_t>{0, 0, 1, 2, 3, 0, 1, 2, 3});
}

TEST_CASE("connections that follow each other stay on the first thread", "[proxy][workers]") {
  workers threads(2);
  std::deque<workers::seat> seats;
  for (int i = 0; i < 5; ++i) {
    seats.push_back(threads.take_seat(1));
    CHECK(seats.back().worker() == 0);
    if (i > 0) seats.pop_front();
  }
}

TEST_CASE("main connections have a thread each, where there are enough", "[proxy][workers]") {
  CHECK(mux_inbound(mux_inbound_options()).lasting());
  CHECK(threads_of_two_connections(true) == 2);
  CHECK(threads_of_two_connections(false) == 1);
}
