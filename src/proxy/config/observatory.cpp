// "observatory" and "burstObservatory" of a configuration.
#include "proxy/config/readers.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace muxpro::proxy {

namespace {

/// "http://HOST[:PORT][/PATH]"
bool read_url(std::string_view url, observatory_options& to) {
  to.tls = url.starts_with("https://");
  if (!to.tls && !url.starts_with("http://")) return false;
  url.remove_prefix(to.tls ? 8 : 7);
  const auto slash = std::min(url.find('/'), url.size());
  to.path = slash < url.size() ? std::string(url.substr(slash)) : "/";
  const std::string_view place = url.substr(0, slash);
  const auto with_port = place.find(':') == std::string_view::npos
                             ? fmt::format("{}:{}", place, to.tls ? 443 : 80)
                             : std::string(place);
  const auto at = stream_address::parse(with_port);
  const bool plain =
      std::all_of(to.path.begin(), to.path.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!at || at->is_unix() || at->at.port == 0 || !plain) return false;
  to.at = at->at;
  return true;
}

/// "1m30s", "10s", "500ms": Go's durations.
std::optional<duration> duration_of(std::string_view text) {
  duration all{};
  while (!text.empty()) {
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    const auto n = number<std::uint32_t>(digits);
    text.remove_prefix(digits.size());
    const auto unit = text.substr(0, text.find_first_of("0123456789"));
    text.remove_prefix(unit.size());
    if (!n) return std::nullopt;
    if (unit == "ms")
      all += std::chrono::milliseconds(*n);
    else if (unit == "s")
      all += std::chrono::seconds(*n);
    else if (unit == "m")
      all += std::chrono::minutes(*n);
    else if (unit == "h")
      all += std::chrono::hours(*n);
    else
      return std::nullopt;
  }
  return all;
}

void read_interval(settings& s, std::string_view key, duration& to) {
  std::string text;
  if (!s.text({key, "Time between two rounds, such as 10s or 1m30s."}, text)) return;
  const auto d = duration_of(text);
  if (d && *d >= std::chrono::seconds(1) && *d <= std::chrono::hours(24))
    to = *d;
  else
    s.wrong(key, fmt::format("is '{}'; it must be a time such as 10s or 1m30s, from 1s to 24h", shown(text)));
}

void read_page_url(settings& s, std::string_view key, observatory_options& to) {
  std::string url;
  if (s.text({key, "The page, http://... or https://..."}, url) && !read_url(url, to))
    s.wrong(key, fmt::format("is '{}'; it must be http://HOST/PATH or https://HOST/PATH", shown(url)));
}

void read_selector(settings& s, observatory_options& to) {
  s.texts({"subjectSelector", "Beginnings of the tags of the outbounds that are measured."}, to.selector);
}

}  // namespace

void read_observatories(settings& root, config& to) {
  root.object({"observatory", "Measures how fast outbounds reach a page, for balancers."}, [&](settings& s) {
    observatory_options o;
    read_selector(s, o);
    read_page_url(s, "probeUrl", o);
    read_interval(s, "probeInterval", o.interval);
    s.pass_over("enableConcurrency", "has no effect: outbounds are measured one after the other");
    to.observed = std::move(o);
  });
  root.object({"burstObservatory", "The same, under Xray's other name."}, [&](settings& s) {
    observatory_options o;
    read_selector(s, o);
    s.object({"pingConfig", "How it is measured."}, [&](settings& p) {
      read_page_url(p, "destination", o);
      read_interval(p, "interval", o.interval);
      for (const char* key : {"connectivity", "sampling", "timeout", "httpMethod"})
        p.pass_over(key, "has no effect");
    });
    if (!to.observed) to.observed = std::move(o);
  });
}

}  // namespace muxpro::proxy
