#include "proxy/engine/rate_limited_log.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <fmt/format.h>

#include <utility>

namespace muxpro::proxy {

namespace {

std::string line_about(std::uint64_t lines, const std::string& sources) {
  return fmt::format("{} lines about {} were left out", lines, sources);
}

}  // namespace

rate_limited_log::rate_limited_log(log_sink to, std::uint32_t per_second)
    : to_(std::move(to)), limiter_(per_second, most_sources), timer_([this] {
        report_left_out(std::chrono::steady_clock::now());
        return limiter_.next_end();
      }) {}

rate_limited_log::~rate_limited_log() { finish(); }

void rate_limited_log::note(log_level level, const asio::ip::address& source, const std::string& line) {
  if (may_note(source)) to_(level, line);
}

void rate_limited_log::note(log_level level, const asio::ip::address& source,
                            const std::function<std::string()>& line) {
  if (may_note(source)) to_(level, line());
}

bool rate_limited_log::may_note(const asio::ip::address& source) {
  const auto decision = limiter_.ask(source, std::chrono::steady_clock::now());
  if (decision.omitted > 0) to_(log_level::info, line_about(decision.omitted, shown_source(source)));
  if (!decision.allowed) timer_.arm();
  return decision.allowed;
}

void rate_limited_log::report_left_out(time_point ended_at) {
  for (const auto& [source, lines] : limiter_.take_ended(ended_at))
    to_(log_level::info, line_about(lines, source ? shown_source(*source) : "other sources"));
}

void rate_limited_log::finish() noexcept {
  timer_.stop();
  try {
    report_left_out(time_point::max());
  } catch (...) {
    // The log cannot be written.
  }
}

}  // namespace muxpro::proxy
