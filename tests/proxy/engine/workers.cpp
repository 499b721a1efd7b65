// Where connections go that a proxy with several threads accepts.
#include "loopback.hpp"

#include "proxy/engine/open_connections.hpp"
#include "proxy/engine/workers.hpp"
#include "proxy/inbound/mux.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace loopback_test;

std::vector<std::size_t> threads_of(const std::vector<workers::slot>& slots) {
  std::vector<std::size_t> all;
  for (const auto& s : slots) all.push_back(s.worker());
  return all;
}

std::vector<workers::slot> take(workers& threads, std::size_t how_many, std::uint32_t lead) {
  std::vector<workers::slot> slots;
  for (std::size_t i = 0; i < how_many; ++i) slots.push_back(threads.take_slot(lead));
  return slots;
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
  bool long_lived() const noexcept override { return lasting_; }
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

TEST_CASE("a socket is open until its connection is destroyed", "[proxy][workers]") {
  workers threads(1);
  const auto open = std::make_shared<open_connections>();
  int closed = 0;
  open->closed = [&] { ++closed; };
  const auto connect = [&](std::uint32_t id, bool is_served) {
    return open_socket::connection_of(
        std::make_shared<open_socket>(stream_socket(threads[0]), threads.take_slot(), id, open, is_served));
  };
  std::shared_ptr<connection> first = connect(1, true), monitor = connect(2, false);
  CHECK(open->served == 1);
  CHECK(open->by_id.size() == 2);
  std::shared_ptr<connection> relayed = first;
  first.reset();
  CHECK(closed == 0);
  monitor.reset();
  CHECK(closed == 1);
  CHECK(open->served == 1);
  relayed.reset();
  CHECK(closed == 2);
  CHECK(open->served == 0);
  CHECK(open->by_id.empty());
}

TEST_CASE("connections over layers have ids of their own, the first one its socket's", "[proxy][workers]") {
  asio::io_context io;
  const auto open = std::make_shared<open_connections>();
  auto [a, b] = make_pipe(io.get_executor());
  const std::shared_ptr<connection> one = make_connection(std::move(a)), two = make_connection(std::move(b));
  open->by_id.try_emplace(7);
  {
    const open_layered first(open, 7, one), second(open, 7, two);
    CHECK(first.id() == 7);
    CHECK(second.id() != 7);
    CHECK(open->by_id.at(7).lock() == one);
    CHECK(open->by_id.at(second.id()).lock() == two);
  }
  CHECK(open->by_id.size() == 1);
  CHECK(open->by_id.at(7).expired());
}

TEST_CASE("a connection that is watched has gone with its last owner", "[proxy][workers]") {
  asio::io_context io;
  auto [a, b] = make_pipe(io.get_executor());
  const auto gone = std::make_shared<one_shot>();
  const std::shared_ptr<connection> below = make_connection(std::move(a));
  std::shared_ptr<connection> handed = watched(below, gone), relayed = handed;
  CHECK(handed.get() == below.get());
  handed.reset();
  CHECK_FALSE(gone->is_set());
  relayed.reset();
  CHECK(gone->is_set());
}

TEST_CASE("connections spread over the threads", "[proxy][workers]") {
  workers threads(3);
  const auto slots = take(threads, 6, 0);
  CHECK(threads_of(slots) == std::vector<std::size_t>{0, 1, 2, 0, 1, 2});
}

TEST_CASE("the first thread alone is ahead of the others", "[proxy][workers]") {
  workers threads(4);
  const auto slots = take(threads, 9, 1);
  CHECK(threads_of(slots) == std::vector<std::size_t>{0, 0, 1, 2, 3, 0, 1, 2, 3});
}

TEST_CASE("connections that follow each other stay on the first thread", "[proxy][workers]") {
  workers threads(2);
  std::deque<workers::slot> slots;
  for (int i = 0; i < 5; ++i) {
    slots.push_back(threads.take_slot(1));
    CHECK(slots.back().worker() == 0);
    if (i > 0) slots.pop_front();
  }
}

TEST_CASE("main connections have a thread each, where there are enough", "[proxy][workers]") {
  CHECK(mux_inbound(mux_inbound_options()).long_lived());
  CHECK(threads_of_two_connections(true) == 2);
  CHECK(threads_of_two_connections(false) == 1);
}
