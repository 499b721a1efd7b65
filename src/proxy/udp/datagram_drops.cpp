#include "proxy/udp/datagram_drops.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace muxpro::proxy {

namespace {

struct description {
  std::string_view name, sentence;
  log_level level;
};

constexpr std::array<description, drop_reasons> descriptions{{
    {"no_udp", "it carries no UDP", log_level::warning},
    {"over_rate", "more than allowed in a second", log_level::warning},
    {"refused_port", "nothing may be sent to their port", log_level::info},
    {"refused", "their association was refused", log_level::info},
    {"queue_full", "the receiver is slower than the sender", log_level::info},
    {"foreign_sender", "the sender does not belong to the association", log_level::info},
    {"malformed", "a fragment, or no datagram of the protocol", log_level::info},
    {"not_allowed", "the target is not allowed", log_level::info},
    {"unreachable", "the target cannot be reached", log_level::info},
    {"not_sent", "the system has not sent them", log_level::info},
    {"ended", "their association has ended", log_level::debug},
}};

const description& describe(drop_reason why) { return descriptions[static_cast<std::size_t>(why)]; }

}  // namespace

std::string_view name_of(drop_reason why) noexcept { return describe(why).name; }

datagram_drops::datagram_drops(log_sink to)
    : to_(std::move(to)), timer_([this] {
        report_ended(std::chrono::steady_clock::now());
        return next_end();
      }) {}

datagram_drops::~datagram_drops() { finish(); }

void datagram_drops::note(drop_reason why, std::string_view whose, std::uint64_t datagrams) noexcept {
  if (datagrams == 0) return;
  counts_[static_cast<std::size_t>(why)].fetch_add(datagrams, std::memory_order_relaxed);
  if (!to_) return;
  try {
    auto& lines = bursts_[static_cast<std::size_t>(why)].lines;
    const auto d = lines.ask(whose, std::chrono::steady_clock::now(), datagrams);
    if (d.omitted > 0) write(why, whose, d.omitted, true);
    if (d.allowed) write(why, whose, datagrams, false);
    if (!d.allowed) timer_.arm();
  } catch (...) {
    // There is no memory for a line, or the log cannot be written. The drop is counted.
  }
}

std::array<std::uint64_t, drop_reasons> datagram_drops::counts() const noexcept {
  std::array<std::uint64_t, drop_reasons> out{};
  for (std::size_t i = 0; i < drop_reasons; ++i) out[i] = counts_[i].load(std::memory_order_relaxed);
  return out;
}

void datagram_drops::write(drop_reason why, std::string_view whose, std::uint64_t datagrams,
                           bool further) const {
  const description& d = describe(why);
  to_(d.level, fmt::format("{} {}datagram{} of {} dropped: {}", datagrams, further ? "more " : "",
                           datagrams == 1 ? "" : "s", whose, d.sentence));
}

void datagram_drops::report_ended(time_point ended_at) {
  for (std::size_t i = 0; i < drop_reasons; ++i) {
    for (const auto& [whose, datagrams] : bursts_[i].lines.take_ended(ended_at))
      write(static_cast<drop_reason>(i), whose ? *whose : "others", datagrams, true);
  }
}

time_point datagram_drops::next_end() const {
  time_point next = time_point::max();
  for (const auto& b : bursts_) next = std::min(next, b.lines.next_end());
  return next;
}

void datagram_drops::finish() noexcept {
  timer_.stop();
  try {
    report_ended(time_point::max());
  } catch (...) {
    // The log cannot be written.
  }
}

}  // namespace muxpro::proxy
