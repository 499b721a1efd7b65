// What the tests of client pools share: servers behind pipes, one for each dial, under a manual clock.
#pragma once

#include "robustness.hpp"

#include <muxpro/client_pool.hpp>

#include <asio/this_coro.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

namespace io_test {

enum class dial_behaviour {
  works,
  refused,   ///< connection_refused after dial_time
  silent,    ///< connected, and EOF instead of an answer to the negotiation
  hangs,     ///< until it is cancelled
  stubborn,  ///< works, but takes a minute and ignores cancellation
  throws,    ///< something that is no system_error
};

struct host {
  session server;
  pipe_end silent;
  fate ended;
  std::shared_ptr<fault> faults = std::make_shared<fault>();
};

/// All of its members are used by coroutines that run as long as its context.
class farm {
 public:
  explicit farm(client_pool_options options = {}, service what = echo_service())
      : pool(
            context.get_executor(), [this] { return dial(); }, std::move(options)),
        what_(std::move(what)) {}

  static service echo_service() {
    return [](sub_stream s) { return echo(std::move(s)); };
  }

  void settle() { io_test::run_ready(context); }
  void advance(duration by) { clock.run_for(context, by); }

  /// An open that has come to its end, or not.
  outcome& open(open_request request = to_tcp()) {
    outcomes.push_back(std::make_unique<outcome>());
    pool.async_open(std::move(request), into(*outcomes.back()));
    return *outcomes.back();
  }
  outcome& open(asio::cancellation_signal& stop) {
    outcomes.push_back(std::make_unique<outcome>());
    pool.async_open(to_tcp(), into(*outcomes.back(), stop));
    return *outcomes.back();
  }
  std::vector<outcome*> open_many(std::size_t n) {
    std::vector<outcome*> out;
    for (; n > 0; --n) out.push_back(&open());
    return out;
  }
  /// Whether the sub-stream brings its bytes back.
  bool echoes(sub_stream& s, std::string_view text = "ping") {
    std::string got(text.size(), '\0');
    bool back = false;
    asio::async_write(s, asio::buffer(text), [](error_code, std::size_t) {});
    asio::async_read(s, asio::buffer(got), [&back](error_code error, std::size_t) { back = !error; });
    settle();
    return back && got == text;
  }
  /// How a read of the sub-stream ends.
  error_code end_of(sub_stream& s) {
    outcome o;
    byte_string buffer(100);
    s.async_read_some(asio::buffer(buffer), into(o));
    settle();
    if (!o.done()) throw std::runtime_error("the read does not end");
    return o.error;
  }

  asio::io_context context;
  manual_clock clock{context};

  dial_behaviour behaviour = dial_behaviour::works;
  duration dial_time{};
  std::size_t dials = 0, in_flight = 0, most_in_flight = 0;
  std::vector<time_point> dialed_at;
  std::vector<std::unique_ptr<host>> hosts;
  std::vector<std::unique_ptr<outcome>> outcomes;
  client_pool pool;

 private:
  struct flight {
    explicit flight(farm& f) : farm_(f) { f.most_in_flight = std::max(f.most_in_flight, ++f.in_flight); }
    ~flight() { --farm_.in_flight; }
    farm& farm_;
  };

  awaitable<faulty_stream<pipe_end>> dial() {
    ++dials;
    dialed_at.push_back(clock.now());
    const flight counted(*this);
    if (behaviour == dial_behaviour::stubborn) {
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await sleep_for(60s);
    } else if (dial_time > duration{}) {
      co_await sleep_for(dial_time);
    }
    auto [near, far] = make_pipe(context.get_executor());
    if (behaviour == dial_behaviour::hangs) {
      std::byte never;
      co_await near.async_read_some(asio::buffer(&never, 1), asio::use_awaitable);
    }
    if (behaviour == dial_behaviour::refused) throw std::system_error(asio::error::connection_refused);
    if (behaviour == dial_behaviour::throws) throw std::runtime_error("no such road");
    hosts.push_back(std::make_unique<host>());
    host& h = *hosts.back();
    if (behaviour == dial_behaviour::silent) {
      far.async_shutdown([](error_code) {});
      h.silent = std::move(far);
    } else {
      h.server = session(std::move(far), role::server);
      h.ended = run_in_background(h.server);
      spawn(context, serve(h.server, what_));
    }
    co_return faulty_stream<pipe_end>(std::move(near), h.faults);
  }

  service what_;
};

inline client_pool_options pool_options(std::uint32_t max_concurrency = 8) {
  client_pool_options o;
  o.max_concurrency = max_concurrency;
  o.session.random_seed = 5;
  return o;
}

}  // namespace io_test
