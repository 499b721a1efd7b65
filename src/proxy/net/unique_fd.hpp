// unique_fd, which owns a file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace muxpro::proxy {

class unique_fd {
 public:
  /// A negative number is no descriptor.
  explicit unique_fd(int number) noexcept : number_(number) {}
  unique_fd(unique_fd&& other) noexcept : number_(other.release()) {}
  unique_fd& operator=(unique_fd&&) = delete;
  ~unique_fd() {
    if (*this) ::close(number_);
  }
  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace muxpro::proxy
