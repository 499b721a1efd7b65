// A file descriptor between two owners, neither of which is to lose it.
#pragma once

#include <unistd.h>

#include <utility>

namespace muxpro::proxy {

class descriptor {
 public:
  /// Negative: none.
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(other.release()) {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    if (*this) ::close(number_);
  }
  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace muxpro::proxy
