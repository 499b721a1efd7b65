#include "append_file.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace muxpro::app {

namespace {

/// Another process may have made a descriptor that it shares with this one non-blocking.
bool wait_until_writable(int fd) noexcept {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, -1) > 0 || errno == EINTR;
}

/// open() of a FIFO without a reader would wait for one.
proxy::unique_fd open_to_append(const std::string& path) {
  std::error_code ignored;
  if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty())
    std::filesystem::create_directories(parent, ignored);
  proxy::unique_fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644));
  if (!file || ::fcntl(file.get(), F_SETFL, O_APPEND) < 0)
    throw std::system_error(errno, std::system_category(), fmt::format("cannot write {}", path));
  return file;
}

}  // namespace

std::size_t write_all(int to, std::string_view text) noexcept {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(to, text.data() + done, text.size() - done);
    if (n >= 0)
      done += static_cast<std::size_t>(n);
    else if (errno == EAGAIN ? !wait_until_writable(to) : errno != EINTR)
      break;
  }
  return done;
}

append_file::append_file(std::string path)
    : path_(std::move(path)), file_(std::make_shared<const proxy::unique_fd>(open_to_append(path_))) {}

std::size_t append_file::write(std::string_view text) {
  std::unique_lock lock(change_);
  const auto now = file_;
  lock.unlock();
  return write_all(now->get(), text);
}

void append_file::reopen() {
  auto next = std::make_shared<const proxy::unique_fd>(open_to_append(path_));
  const std::lock_guard lock(change_);
  file_ = std::move(next);
}

}  // namespace muxpro::app
