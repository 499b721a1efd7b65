// The server as a process of its own, so that its memory, descriptors and timers are its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace soak {

class server_process {
 public:
  /// With the defaults of `muxpro server`, on free ports of loopback. Its log goes to that file.
  server_process(const std::string& program, const std::string& log);
  server_process(const server_process&) = delete;
  ~server_process();

  double megabytes() const;
  std::size_t descriptors() const;
  /// From its /metrics.
  std::size_t timers() const;
  /// Drains it. Returns its exit status.
  int stop();
  std::uint16_t port() const noexcept { return port_; }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0, status_port_ = 0;
};

}  // namespace soak
