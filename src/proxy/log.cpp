#include <muxpro/proxy/log.hpp>

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

}  // namespace muxpro::proxy
