// stats, which counts bytes and connections by inbound, outbound and user while they flow, and main
// connections by inbound.
#pragma once

#include <muxpro/proxy/report.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Any thread. Names come from the configuration, never from a client, so that their number is bounded.
class stats {
 public:
  using kind = counter_kind;
  using row = counter_row;

  struct counters {
    std::atomic<std::uint64_t> up{0}, down{0};  ///< bytes, of datagrams without their addresses
    std::atomic<std::uint64_t> connections{0};  ///< since the start
    std::atomic<std::size_t> live{0};           ///< connections now
  };
  /// Stays where it is.
  counters& of(kind what, std::string_view name);
  std::vector<row> rows() const;

  /// Counts a main connection that `inbound` has accepted. Returns its number. The first one of a proxy is 1.
  std::uint64_t count_main_connection(std::string_view inbound);
  void count_failed_login(std::string_view inbound);
  /// Wrong passwords since the start, by inbound.
  std::map<std::string, std::uint64_t, std::less<>> failed_logins() const;
  /// Makes main_connections() name `inbound` before its first main connection.
  void expect_main_connections(std::string_view inbound);
  /// Main connections accepted since the start, by inbound.
  std::map<std::string, std::uint64_t, std::less<>> main_connections() const;

 private:
  mutable std::mutex access_;
  std::array<std::map<std::string, counters, std::less<>>, 3> all_;
  std::map<std::string, std::uint64_t, std::less<>> main_connections_;
  std::map<std::string, std::uint64_t, std::less<>> failed_logins_;
  std::uint64_t last_main_connection_ = 0;
};

}  // namespace muxpro::proxy
