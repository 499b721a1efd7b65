#include "proxy/engine/log_thread.hpp"

#include "proxy/base/line_queue.hpp"
#include "proxy/engine/start_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace muxpro::proxy {

struct log_thread::state {
  state(writer w, heading h, std::size_t room) : write(std::move(w)), head(std::move(h)), waiting(room) {}

  void run();
  std::string head_of_count() const noexcept;
  void write_lines(std::string_view text) noexcept;
  bool write_count() noexcept;
  std::size_t written_of(std::string_view text) noexcept;

  const writer write;
  const heading head;
  std::mutex mutex;
  std::condition_variable pushed, ended;
  line_queue waiting;
  bool ending = false, over = false;
  std::uint64_t unwritten = 0;  // lines that the writer has failed at, used by the thread alone
  bool cut = false;             // what it has written ends inside a line
};

void log_thread::state::run() {
  std::string text;
  waiting.prepare(text);
  std::unique_lock lock(mutex);
  for (;;) {
    pushed.wait(lock, [this] { return ending || !waiting.empty(); });
    if (waiting.empty()) break;
    waiting.take(text, head_of_count());
    lock.unlock();
    write_lines(text);
    text.clear();
    lock.lock();
  }
  over = true;
  ended.notify_all();
}

std::string log_thread::state::head_of_count() const noexcept try {
  return head(log_level::warning);
} catch (...) {
  return {};
}

void log_thread::state::write_lines(std::string_view text) noexcept {
  std::string_view left = text;
  if (unwritten == 0 || write_count()) left.remove_prefix(written_of(text));
  unwritten += static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n'));
  if (left.size() < text.size()) cut = text[text.size() - left.size() - 1] != '\n';
}

bool log_thread::state::write_count() noexcept try {
  const std::string stamp = head_of_count();
  const std::string line = fmt::format("{}{} {}\n", cut ? "\n" : "", stamp, line_queue::count(unwritten));
  if (written_of(line) < line.size()) return false;
  unwritten = 0;
  return true;
} catch (...) {
  return false;
}

std::size_t log_thread::state::written_of(std::string_view text) noexcept {
  try {
    return std::min(write(text), text.size());
  } catch (...) {
    return 0;
  }
}

log_thread::log_thread(writer write, heading head, std::size_t room)
    : state_(std::make_shared<state>(std::move(write), std::move(head), room)),
      thread_(start_thread([s = state_] { s->run(); })) {}

log_thread::~log_thread() { end(std::chrono::steady_clock::now() + std::chrono::seconds(1)); }

void log_thread::push(log_level level, std::string_view text) noexcept {
  try {
    const std::string head = state_->head(level);
    const std::lock_guard lock(state_->mutex);
    state_->waiting.push(head, text);
  } catch (...) {
    const std::lock_guard lock(state_->mutex);
    state_->waiting.lose();
  }
  state_->pushed.notify_one();
}

bool log_thread::end(time_point until) noexcept {
  if (!thread_.joinable()) return true;
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->pushed.notify_one();
  const bool over = state_->ended.wait_until(lock, until, [this] { return state_->over; });
  lock.unlock();
  over ? thread_.join() : thread_.detach();
  return over;
}

}  // namespace muxpro::proxy
