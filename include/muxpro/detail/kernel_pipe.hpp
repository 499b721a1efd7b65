// kernel_pipe, which moves bytes from one socket to another inside the kernel, by splice(2). Ring 2.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/plain_socket.hpp>

#include <asio/error.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#if defined(__linux__)
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#endif

namespace muxpro::detail {

#if defined(__linux__) && defined(SPLICE_F_NONBLOCK)
/// Owns the two descriptors of a pipe from prepare() to rest(). A thread keeps a few pipes for the next one.
/// Bytes that are held when it is destroyed are lost.
class kernel_pipe {
 public:
  static constexpr bool available = true;

  kernel_pipe() noexcept = default;
  kernel_pipe(const kernel_pipe&) = delete;
  kernel_pipe& operator=(const kernel_pipe&) = delete;
  ~kernel_pipe() { held_ > 0 ? end(ends_) : rest(); }

  /// Returns whether there is a pipe. The process uses `most_lent` at most, and no pipe while SIGPIPE would
  /// end it, because splice(2) has no MSG_NOSIGNAL.
  bool prepare() noexcept {
    if (ends_ == none) ends_ = lend();
    return ends_ != none;
  }
  /// Called after prepare(), while the pipe is empty. Returns how many bytes of a socket went into the pipe.
  /// `ec` is would_block if no byte has come yet, eof, or why the socket cannot be read. The socket must not
  /// block.
  std::size_t fill(int from, error_code& ec) noexcept {
    held_ = moved(from, ends_[1], capacity, ec);
    if (held_ == 0 && !ec) ec = asio::error::eof;
    return held_;
  }
  /// Returns how many of the bytes a socket has taken. `ec` is would_block if it is full, or why it takes no
  /// bytes. The socket must not block.
  std::size_t drain(int to, error_code& ec) noexcept {
    const std::size_t n = moved(ends_[0], to, held_, ec);
    held_ -= n;
    return n;
  }
  /// The same into memory.
  std::size_t drain(std::span<std::byte> into) noexcept {
    const auto n = uninterrupted([&] { return ::read(ends_[0], into.data(), into.size()); });
    held_ -= n > 0 ? static_cast<std::size_t>(n) : 0;
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  /// Bytes in the pipe.
  std::size_t held() const noexcept { return held_; }
  /// Gives an empty pipe back to the thread.
  void rest() noexcept {
    if (held_ == 0 && ends_ != none) give_back(std::exchange(ends_, none));
  }

 private:
  using pair = std::array<int, 2>;
  static constexpr pair none{-1, -1};
  static constexpr int capacity = 256 * 1024;
  static constexpr int most_lent = 128;
  static constexpr std::size_t most_kept = 4;

  struct kept {
    std::array<pair, most_kept> pipes{};
    std::size_t count = 0;
    std::size_t limit = 0;  ///< 0 before the first pipe comes and after the thread's end
    bool begun = false;
  };
  struct end_of_thread {
    ~end_of_thread() {
      kept& k = of_this_thread();
      k.limit = 0;
      while (k.count > 0) close_both(k.pipes[--k.count]);
    }
  };

  // The object has no destructor, because a relay may end after the destructors of the thread.
  static kept& of_this_thread() noexcept {
    static constinit thread_local kept k;
    return k;
  }
  static std::atomic<int>& lent() noexcept {
    static constinit std::atomic<int> n{0};
    return n;
  }
  static bool sigpipe_is_ignored() noexcept {
    struct sigaction now {};
    return ::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
  }
  static pair lend() noexcept {
    if (!sigpipe_is_ignored()) return none;
    kept& k = of_this_thread();
    const bool too_many = ++lent() > most_lent;
    const pair out = too_many ? none : k.count > 0 ? k.pipes[--k.count] : opened();
    if (out == none) --lent();
    return out;
  }
  static pair opened() noexcept {
    pair out = none;
    if (::pipe2(out.data(), O_NONBLOCK | O_CLOEXEC) != 0) return none;
    ::fcntl(out[1], F_SETPIPE_SZ, capacity);  // else it holds less
    return out;
  }
  static void end(const pair& ends) noexcept {
    close_both(ends);
    --lent();
  }
  static void close_both(const pair& ends) noexcept {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  static void give_back(const pair& ends) noexcept {
    kept& k = of_this_thread();
    if (k.count == k.limit && !begin_to_keep(k)) return end(ends);
    --lent();
    k.pipes[k.count++] = ends;
  }
  /// False if there is no room, or the thread is about to end.
  static bool begin_to_keep(kept& k) noexcept {
    if (std::exchange(k.begun, true)) return false;
    static thread_local end_of_thread end;
    k.limit = most_kept;
    return true;
  }
  static std::size_t moved(int from, int to, std::size_t most, error_code& ec) noexcept {
    constexpr unsigned how = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
    const auto n = uninterrupted([&] { return ::splice(from, nullptr, to, nullptr, most, how); });
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      ec = asio::error::would_block;
    else
      ec.assign(n < 0 ? errno : 0, asio::error::get_system_category());
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }

  pair ends_ = none;
  std::size_t held_ = 0;
};
#else
class kernel_pipe {
 public:
  static constexpr bool available = false;
  bool prepare() noexcept { return false; }
  std::size_t fill(int, error_code&) noexcept { return 0; }
  std::size_t drain(int, error_code&) noexcept { return 0; }
  std::size_t drain(std::span<std::byte>) noexcept { return 0; }
  std::size_t held() const noexcept { return 0; }
  void rest() noexcept {}
};
#endif

}  // namespace muxpro::detail
