// "observatory" and "burstObservatory" of a configuration.
#include "proxy/config/go_duration.hpp"
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

void read_interval(settings& s, std::string_view key, duration& to) {
  read_duration(s, {key, "Time between two rounds, such as 10s or 1m30s."}, to,
                {std::chrono::seconds(1), std::chrono::hours(24)});
}

void read_page_url(settings& s, std::string_view key, observatory_options& to) {
  std::string url;
  if (s.text({key, "The page, http://... or https://..."}, url) && !read_url(url, to))
    s.wrong(key, fmt::format("is '{}'; it must be http://HOST/PATH or https://HOST/PATH", sanitized(url)));
}

void read_selector(settings& s, observatory_options& to) {
  s.texts({"subjectSelector", "Beginnings of the tags of the outbounds that are measured."}, to.selector);
}

void read_ping(settings& s, observatory_options& to) {
  read_page_url(s, "destination", to);
  read_interval(s, "interval", to.interval);
  std::size_t samples = to.samples;
  s.number<std::size_t>({"sampling", "The last measurements of an outbound that count; 0: the default."},
                        samples, 0, 1000);
  if (samples > 0) to.samples = samples;
  read_duration(s, {"timeout", "Time for an answer, such as 5s."}, to.timeout,
                {std::chrono::milliseconds(1), std::chrono::hours(1)});
  s.one_of<std::string>({"httpMethod", "The method of the request."}, to.method,
                        {{"HEAD", "HEAD"}, {"GET", "GET"}});
  s.pass_over("connectivity", "has no effect: each measurement that fails counts");
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
    o.samples = 10;
    o.method = "HEAD";
    read_selector(s, o);
    s.object({"pingConfig", "How it is measured."}, [&](settings& p) { read_ping(p, o); });
    if (!to.observed) to.observed = std::move(o);
  });
}

}  // namespace muxpro::proxy
