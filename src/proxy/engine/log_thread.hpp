// Writes a log by a thread of its own, so that a slow reader of the log delays no connection. Ring 4.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/log.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace muxpro::proxy {

/// Text that may wait to be written. A busy proxy makes some 100 kB of lines in a second.
inline constexpr std::size_t default_log_room = 1 << 20;

class log_thread {
 public:
  /// Writes text that consists of whole lines, and returns how many bytes of it were written. May block.
  /// Called by the thread alone.
  using writer = std::function<std::size_t(std::string_view text)>;
  /// Returns what stands before a line, which is its time and its level. Any thread.
  using heading = std::function<std::string(log_level)>;

  /// `room` is the number of bytes of text that may wait. As many may be with the writer. Throws
  /// std::runtime_error with one sentence if there is no thread.
  log_thread(writer write, heading head, std::size_t room = default_log_room);
  log_thread(const log_thread&) = delete;
  log_thread& operator=(const log_thread&) = delete;
  /// As end(), in a second.
  ~log_thread();

  /// A line that finds no room, and one that cannot be written, is counted where it would stand. Any thread.
  /// Does not wait for the writer.
  void push(log_level level, std::string_view text) noexcept;
  /// Waits until all is written, but no longer than `until`. Returns false if the writer is still busy. It is
  /// then left running, with what it has captured. push() must not be called any more.
  bool end(time_point until) noexcept;

 private:
  struct state;

  const std::shared_ptr<state> state_;
  std::thread thread_;
};

}  // namespace muxpro::proxy
