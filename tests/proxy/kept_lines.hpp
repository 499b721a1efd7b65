// Lines of a log, kept for a test to read.
#pragma once

#include <muxpro/proxy/log.hpp>

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// Written and read by any thread.
class kept_lines {
 public:
  muxpro::proxy::log_sink sink() {
    return [this](muxpro::proxy::log_level, std::string_view line) {
      const std::lock_guard lock(mutex_);
      all_.emplace_back(line);
    };
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  bool has(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(all_.begin(), all_.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

}  // namespace test
