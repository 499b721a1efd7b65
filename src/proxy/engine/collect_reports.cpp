#include "proxy/engine/collect_reports.hpp"

#include "proxy/net/or_error.hpp"

#include <muxpro/timer.hpp>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

// Answers come back on the asker's executor, so that nothing is shared between threads.
struct answers {
  answers(const asio::any_io_executor& executor, std::size_t threads)
      : all_there(executor, std::chrono::seconds(1)), left(threads) {}

  void add(instance_report r) {
    sum.live += r.live;
    sum.timers += r.timers;
    append(sum.connections, r.connections);
    for (auto& [tag, o] : r.outbounds) {
      auto& whole = sum.outbounds[tag];
      whole.live += o.live;
      append(whole.main_connections, o.main_connections);
    }
    for (const auto& [user, addresses] : r.online)
      for (const auto& [address, since] : addresses) {
        const auto known = sum.online[user].try_emplace(address, since).first;
        known->second = std::min(known->second, since);
      }
    for (auto& [tag, i] : r.inbounds) append(sum.inbounds[tag].main_connections, i.main_connections);
    if (--left == 0) all_there.cancel();
  }

  counted_timer all_there;
  std::size_t left;
  instance_report sum;
};

}  // namespace

// The threads hold the answers weakly. A thread that has stopped keeps its question until it is destroyed,
// and the asker's context, which the timer belongs to, may be gone by then.
asio::awaitable<instance_report> collect_reports(workers& threads, thread_report describe) {
  const auto executor = co_await asio::this_coro::executor;
  const auto all = std::make_shared<answers>(executor, threads.size());
  for (std::size_t i = 0; i < threads.size(); ++i)
    asio::post(threads[i], [i, describe, executor, weak = std::weak_ptr(all), &io = threads[i]] {
      instance_report r = describe(i);
      r.timers = timers_of(io);
      asio::post(executor, [weak, r = std::move(r)]() mutable {
        if (const auto asker = weak.lock()) asker->add(std::move(r));
      });
    });
  std::error_code ignored;
  if (all->left > 0) co_await all->all_there.async_wait(or_error(ignored));
  instance_report r = std::move(all->sum);
  r.complete = all->left == 0;
  co_return r;
}

}  // namespace muxpro::proxy
