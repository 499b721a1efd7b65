// The echo client's other mode: standard input through one sub-stream, and what comes back to standard
// output.
#pragma once

#include "echo_job.hpp"

#include <asio/posix/stream_descriptor.hpp>
#include <asio/write.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>

namespace examples {

/// Asio makes descriptors non-blocking, and the shell that lent them to us shares that: put it back.
class borrowed_descriptor {
 public:
  borrowed_descriptor(asio::io_context& io, int fd)
      : fd_(fd), flags_(::fcntl(fd, F_GETFL)), stream_(io, ::dup(fd)) {}
  borrowed_descriptor(const borrowed_descriptor&) = delete;
  borrowed_descriptor& operator=(const borrowed_descriptor&) = delete;
  ~borrowed_descriptor() { ::fcntl(fd_, F_SETFL, flags_); }

  asio::posix::stream_descriptor& operator*() noexcept { return stream_; }
  asio::posix::stream_descriptor* operator->() noexcept { return &stream_; }

 private:
  const int fd_;
  const int flags_;
  asio::posix::stream_descriptor stream_;
};

class stdin_pipe final : public job {
 public:
  stdin_pipe(asio::io_context& io, const endpoint& peer, std::uint8_t priority)
      : job(io, peer, 1), priority_(priority), input_(io, STDIN_FILENO), output_(io, STDOUT_FILENO) {}

  /// Call it before anything is opened, which would get the numbers of those that are closed.
  static void check_descriptors() {
    if (::fcntl(STDIN_FILENO, F_GETFD) < 0) throw failure("standard input is closed");
    if (::fcntl(STDOUT_FILENO, F_GETFD) < 0) throw failure("standard output is closed");
  }

 private:
  static constexpr std::size_t buffer_size = 64 * 1024;

  asio::awaitable<void> work() override {
    stream_ = co_await open(priority_);
    spawn(send());
    spawn(receive());
    co_await parts_done(2);
  }

  // Standard input ends here; what was read of it still comes back.
  void stop() override {
    stopping_ = true;
    input_->cancel();
  }

  asio::awaitable<void> send() {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(buffer_size);
    error_code ec;
    while (!stopping_) {
      const auto into = asio::buffer(memory.get(), buffer_size);
      const std::size_t n = co_await input_->async_read_some(into, or_error(ec));
      if (ec == asio::error::eof || (ec && stopping_)) break;
      if (ec) throw failure(fmt::format("cannot read standard input: {}", ec.message()));
      co_await asio::async_write(stream_, asio::buffer(memory.get(), n), or_error(ec));
      if (ec) throw broken(stream_, ec);
      sent_ += n;
    }
    all_sent_ = true;
    co_await stream_.async_shutdown(or_error(ec));
    if (ec) throw broken(stream_, ec);
  }

  asio::awaitable<void> receive() {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(buffer_size);
    error_code ec;
    for (;;) {
      const auto into = asio::buffer(memory.get(), buffer_size);
      const std::size_t n = co_await stream_.async_read_some(into, or_error(ec));
      if (ec == asio::error::eof) break;
      if (ec) throw broken(stream_, ec);
      received_ += n;
      co_await asio::async_write(*output_, asio::buffer(memory.get(), n), or_error(ec));
      if (ec) throw failure(fmt::format("cannot write standard output: {}", ec.message()));
    }
    if (!all_sent_) throw failure("the peer ended the sub-stream before standard input did");
    if (received_ != sent_)
      throw failure(fmt::format("{} bytes came back of {} that were sent", received_, sent_));
  }

  const std::uint8_t priority_;
  borrowed_descriptor input_, output_;
  muxpro::sub_stream stream_;
  std::uint64_t sent_ = 0, received_ = 0;
  bool stopping_ = false;
  bool all_sent_ = false;
};

}  // namespace examples
