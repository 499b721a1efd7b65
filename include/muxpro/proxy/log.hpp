// What happened, for whoever keeps the log; and a brake on lines that one source provokes. Ring 4, values.
#pragma once

#include <muxpro/options.hpp>

#include <asio/ip/address.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

enum class log_level : std::uint8_t { debug, info, warning, error };
/// Called by any thread.
using log_sink = std::function<void(log_level, std::string_view)>;

/// A name that somebody else has chosen, as one word of a line: all but visible ASCII is percent-encoded, so
/// that it can pass neither for another part of the line nor for another name.
std::string one_word(std::string_view name);

/// Lets through so many lines about one source in a second. Thread-safe.
class log_brake {
 public:
  explicit log_brake(std::uint32_t per_second) noexcept : per_second_(per_second) {}

  struct decision {
    bool write = false;
    std::uint64_t suppressed = 0;  ///< lines left out since the last one that was written
  };
  decision ask(const asio::ip::address& source, time_point now);

 private:
  static constexpr std::size_t most_sources = 4096;
  struct record {
    time_point since{};
    std::uint32_t lines = 0;
    std::uint64_t suppressed = 0;
  };
  const std::uint32_t per_second_;
  std::mutex mutex_;
  std::map<asio::ip::address, record> sources_;
};

/// About one source in a second. Somebody may want to see all of them; a source that makes so many all day
/// fills 10 GB.
inline constexpr std::uint32_t default_access_lines = 1000;

/// A log for lines that peers provoke: braked, and with a line about those that were left out. Thread-safe.
class braked_log {
 public:
  braked_log(log_sink to, std::uint32_t per_second) : to_(std::move(to)), brake_(per_second) {}

  void note(log_level level, const asio::ip::address& source, const std::string& line);
  /// `line` is asked for only if it is written.
  void note(log_level level, const asio::ip::address& source, const std::function<std::string()>& line);

 private:
  bool may_note(const asio::ip::address& source);

  const log_sink to_;
  log_brake brake_;
};

}  // namespace muxpro::proxy
