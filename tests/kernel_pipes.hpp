// What the tests of pipes of the kernel share: a thread of their own, SIGPIPE, descriptors.
#pragma once

#include "catch.hpp"

#include <muxpro/detail/kernel_pipe.hpp>

#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <system_error>
#include <thread>

namespace test {

/// Of SIGPIPE, as long as it exists.
class sigpipe_action {
 public:
  explicit sigpipe_action(void (*how)(int)) : before_(std::signal(SIGPIPE, how)) {}
  sigpipe_action(const sigpipe_action&) = delete;
  ~sigpipe_action() { std::signal(SIGPIPE, before_); }

 private:
  void (*before_)(int);
};

/// Those of pipes that this process has.
inline std::size_t pipe_descriptors() {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    n += std::filesystem::read_symlink(entry.path(), gone).string().starts_with("pipe:") ? 1 : 0;
  }
  return n;
}

/// A thread has no pipe at first, and leaves none behind. SIGPIPE is ignored in it.
template <class Work>
void in_thread_with_pipes(const Work& work) {
  if (!muxpro::detail::kernel_pipe::available) return;
  const sigpipe_action ignored(SIG_IGN);
  const std::size_t before = pipe_descriptors();
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  CHECK(pipe_descriptors() == before);
}

}  // namespace test
