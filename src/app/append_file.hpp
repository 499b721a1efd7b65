// A file descriptor that text is appended to.
#pragma once

#include "proxy/net/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace muxpro::app {

/// Writes all of `text` to `to`, however long that takes, unless the descriptor fails. Returns how many bytes
/// were written.
std::size_t write_all(int to, std::string_view text) noexcept;

/// A file by its name. Any thread.
class append_file {
 public:
  /// Makes it and its directories if they are not there. Throws std::system_error. A FIFO that has no reader
  /// is not opened.
  explicit append_file(std::string path);

  /// As write_all().
  std::size_t write(std::string_view text);
  /// What stands at its path from now on. Throws as the constructor does, and goes on with the old file then.
  void reopen();

 private:
  const std::string path_;
  std::mutex change_;
  std::shared_ptr<const proxy::unique_fd> file_;
};

}  // namespace muxpro::app
