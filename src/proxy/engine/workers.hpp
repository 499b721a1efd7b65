// The threads of a proxy, each with an io_context of its own. Ring 4.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Threads share no work. Connections, sessions and outbounds are not handed from one to another.
class workers {
 public:
  /// At least one thread.
  explicit workers(std::size_t threads);
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  ~workers() { stop(); }

  /// A connection's place on a thread.
  class slot {
   public:
    slot(slot&& other) noexcept : worker_(other.worker_), taken_(std::exchange(other.taken_, nullptr)) {}
    slot& operator=(slot&&) = delete;
    ~slot() {
      if (taken_) --*taken_;
    }
    std::size_t worker() const noexcept { return worker_; }

   private:
    friend class workers;
    slot(std::size_t worker, std::atomic<std::uint32_t>& taken) noexcept : worker_(worker), taken_(&taken) {
      ++taken;
    }
    const std::size_t worker_;
    std::atomic<std::uint32_t>* taken_;
  };
  /// Takes a slot on the first thread that is not ahead of the others. The first of all may be ahead by
  /// `lead` slots. Called by the thread of the listeners only.
  slot take_slot(std::uint32_t lead = 0) noexcept;

  std::size_t size() const noexcept { return all_.size(); }
  asio::io_context& operator[](std::size_t i) noexcept { return all_[i]->io; }

  /// An exception in a handler ends that handler alone. Throws std::runtime_error if no further thread can be
  /// started. Started threads then go on until stop().
  void start();
  /// The threads end after what they are at. What waits is not called any more. Any thread.
  void end() noexcept;
  /// end(), then join().
  void stop();
  /// Until every io_context was stopped.
  void join();

 private:
  struct worker {
    std::atomic<std::uint32_t> slots_taken{0};
    /// Other threads may post to it. Its sockets and timers belong to its thread alone, so Asio need not lock
    /// a socket.
    asio::io_context io{ASIO_CONCURRENCY_HINT_UNSAFE_IO};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::thread thread;
  };
  std::vector<std::unique_ptr<worker>> all_;
};

}  // namespace muxpro::proxy
