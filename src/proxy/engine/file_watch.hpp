// The files of transports, such as certificates that are renewed while the proxy runs. Ring 4.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Any thread, but for run().
class file_watch {
 public:
  /// `t` reads `files`, as long as something else holds it. What it has read is that of now.
  void add(std::string tag, const std::shared_ptr<const transport>& t, std::vector<std::string> files);
  /// All transports read their files again. Returns one sentence about each that keeps what it had.
  std::vector<std::string> reload();
  /// Checks periodically whether files have changed, and has their transports read them. Completes never.
  /// Errors: none. The log gets a line, and the transport keeps what it had. Cancellation: not supported. It
  /// ends with its executor's context.
  asio::awaitable<void> run(duration pause, log_sink log);

 private:
  struct stamp {
    explicit stamp(const std::string& file);
    friend bool operator==(const stamp&, const stamp&) = default;

    std::int64_t seconds = -1, nanoseconds = 0;  ///< when it was written, -1 if it does not exist
    std::int64_t size = 0;
    std::uint64_t inode = 0;
  };
  struct watched {
    std::string tag;
    std::weak_ptr<const transport> by;
    std::vector<std::string> files;
    std::vector<stamp> stamps;
  };
  static std::vector<stamp> stamps_of(const std::vector<std::string>& files);
  static std::string reload(watched& w);
  std::vector<std::pair<std::string, std::string>> reload_changed();

  std::mutex change_;
  std::vector<watched> all_;
};

}  // namespace muxpro::proxy
