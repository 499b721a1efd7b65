// The threads of a proxy, each with an io_context of its own. Ring 4.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace muxpro::proxy {

/// What one thread does is its own: connections, sessions and outbounds are not handed from one to another.
class workers {
 public:
  /// At least one.
  explicit workers(std::size_t threads);
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  ~workers() { stop(); }

  std::size_t size() const noexcept { return all_.size(); }
  asio::io_context& operator[](std::size_t i) noexcept { return all_[i]->io; }

  /// What a handler throws ends that handler alone.
  void start();
  /// The threads end after what they are at; what waits is not called any more. Joins.
  void stop();
  /// Until every io_context was stopped.
  void join();

 private:
  struct worker {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::thread thread;
  };
  std::vector<std::unique_ptr<worker>> all_;
};

}  // namespace muxpro::proxy
