#include "proxy/engine/file_watch.hpp"

#include "proxy/net/or_error.hpp"

#include <muxpro/timer.hpp>

#include <fmt/format.h>

#include <asio/this_coro.hpp>

#include <sys/stat.h>

#include <exception>
#include <utility>

namespace muxpro::proxy {

file_watch::stamp::stamp(const std::string& file) {
  struct stat s {};
  if (::stat(file.c_str(), &s) != 0) return;
  seconds = s.st_mtim.tv_sec;
  nanoseconds = s.st_mtim.tv_nsec;
  size = s.st_size;
  inode = s.st_ino;
}

std::vector<file_watch::stamp> file_watch::stamps_of(const std::vector<std::string>& files) {
  return {files.begin(), files.end()};
}

void file_watch::add(std::string tag, const std::shared_ptr<const transport>& t,
                     std::vector<std::string> files) {
  const std::lock_guard lock(change_);
  std::erase_if(all_, [](const watched& w) { return w.by.expired(); });
  auto stamps = stamps_of(files);
  all_.push_back({std::move(tag), t, std::move(files), std::move(stamps)});
}

// A file that changes while the others are read is read again.
std::string file_watch::reload(watched& w) {
  w.stamps = stamps_of(w.files);
  try {
    if (const auto t = w.by.lock()) t->reload();
    return {};
  } catch (const std::exception& e) {
    return fmt::format("{}: {}", w.tag, e.what());
  }
}

std::vector<std::string> file_watch::reload() {
  const std::lock_guard lock(change_);
  std::vector<std::string> refused;
  for (watched& w : all_)
    if (std::string sentence = reload(w); !sentence.empty()) refused.push_back(std::move(sentence));
  return refused;
}

// Returns tags, each with the sentence of a refusal or an empty text.
std::vector<std::pair<std::string, std::string>> file_watch::reload_changed() {
  const std::lock_guard lock(change_);
  std::vector<std::pair<std::string, std::string>> out;
  for (watched& w : all_)
    if (w.stamps != stamps_of(w.files)) out.emplace_back(w.tag, reload(w));
  return out;
}

asio::awaitable<void> file_watch::run(duration pause, log_sink log) {
  counted_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    std::error_code ec;
    timer.expires_after(pause);
    co_await timer.async_wait(or_error(ec));
    for (const auto& [tag, refused] : reload_changed()) {
      if (refused.empty())
        log(log_level::info, fmt::format("{}: its files have changed, and were read again", tag));
      else
        log(log_level::error, fmt::format("{}; what was read before stays in use", refused));
    }
  }
}

}  // namespace muxpro::proxy
