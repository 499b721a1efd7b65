#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <fmt/format.h>

#include <utility>

namespace muxpro::proxy {

std::string one_word(std::string_view name) {
  std::string word;
  for (const char c : name) {
    if (c > ' ' && c < '\x7f' && c != '%')
      word += c;
    else
      word += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return word;
}

log_brake::decision log_brake::ask(const asio::ip::address& source, time_point now) {
  const std::lock_guard lock(mutex_);
  if (sources_.size() >= most_sources && !sources_.contains(source)) {
    std::erase_if(sources_, [&](const auto& s) { return now - s.second.since > std::chrono::seconds(1); });
    if (sources_.size() >= most_sources) return {};
  }
  record& r = sources_[source];
  if (now - r.since >= std::chrono::seconds(1)) {
    r.since = now;
    r.lines = 0;
  }
  if (r.lines >= per_second_) return ++r.suppressed, decision{};
  ++r.lines;
  return {true, std::exchange(r.suppressed, 0)};
}

void braked_log::note(log_level level, const asio::ip::address& source, const std::string& line) {
  if (may_note(source)) to_(level, line);
}

void braked_log::note(log_level level, const asio::ip::address& source,
                      const std::function<std::string()>& line) {
  if (may_note(source)) to_(level, line());
}

bool braked_log::may_note(const asio::ip::address& source) {
  const auto decision = brake_.ask(source, std::chrono::steady_clock::now());
  if (decision.write && decision.suppressed > 0)
    to_(log_level::info,
        fmt::format("{} lines about {} were left out", decision.suppressed, shown_source(source)));
  return decision.write;
}

}  // namespace muxpro::proxy
