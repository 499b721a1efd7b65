#include "proxy/status/report_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iterator>
#include <numeric>
#include <string_view>

namespace muxpro::proxy {

namespace {

using json = nlohmann::ordered_json;

// Returns a label's value. It may hold what a name of the configuration may hold, and two characters need a
// backslash.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string labels(std::string_view kind, std::string_view name) {
  return fmt::format("kind=\"{}\",name=\"{}\"", kind, escaped(name));
}

std::string labels(const counter_row& row) { return labels(name_of(row.what), row.name); }

class metrics {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class Value>
  void line(std::string_view name, std::string_view labels, Value v) {
    fmt::format_to(std::back_inserter(text), "{}{{{}}} {}\n", name, labels, v);
  }
  template <class Value>
  void line(std::string_view name, Value v) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", name, v);
  }
  std::string text;
};

void add_counters(metrics& m, const instance_report& r) {
  m.begin("muxpro_traffic_bytes_total", "counter", "Payload bytes, from clients (up) and to them (down).");
  for (const auto& row : r.counters) {
    m.line("muxpro_traffic_bytes_total", labels(row) + ",direction=\"up\"", row.up);
    m.line("muxpro_traffic_bytes_total", labels(row) + ",direction=\"down\"", row.down);
  }
  m.begin("muxpro_connections_total", "counter", "Connections since the start.");
  for (const auto& row : r.counters) m.line("muxpro_connections_total", labels(row), row.connections);
  m.begin("muxpro_connections", "gauge", "Connections that are open.");
  for (const auto& row : r.counters) m.line("muxpro_connections", labels(row), row.live);
}

template <class List, class Value>
std::uint64_t sum_of(const List& main_connections, Value value) {
  std::uint64_t sum = 0;
  for (const session_stats& s : main_connections) sum += value(s);
  return sum;
}

template <class Value>
void add_of_main_connections(metrics& m, const instance_report& r, std::string_view name,
                             std::string_view type, std::string_view help, Value value) {
  m.begin(name, type, help);
  for (const auto& [tag, o] : r.outbounds)
    if (!o.main_connections.empty()) m.line(name, labels("outbound", tag), sum_of(o.main_connections, value));
  for (const auto& [tag, i] : r.inbounds)
    m.line(name, labels("inbound", tag), sum_of(i.main_connections, value));
}

void add_main_connections(metrics& m, const instance_report& r) {
  m.begin("muxpro_main_connections_total", "counter", "Main connections accepted since the start.");
  for (const auto& [tag, i] : r.inbounds)
    m.line("muxpro_main_connections_total", labels("inbound", tag), i.ever);
  add_of_main_connections(m, r, "muxpro_main_connections", "gauge", "Main connections that are up.",
                          [](const session_stats&) { return std::uint64_t{1}; });
  add_of_main_connections(m, r, "muxpro_sub_streams", "gauge", "Sub-streams that are open.",
                          [](const session_stats& s) { return s.streams; });
  add_of_main_connections(m, r, "muxpro_credit_stalls", "gauge",
                          "Writes on these that had to wait for credit.",
                          [](const session_stats& s) { return s.credit_stalls; });
  add_of_main_connections(m, r, "muxpro_window_bytes", "gauge",
                          "Bytes that the peers may have under way to these at most.",
                          [](const session_stats& s) { return s.receive_windows; });
  add_of_main_connections(m, r, "muxpro_unread_bytes", "gauge", "Bytes received and not read yet.",
                          [](const session_stats& s) { return s.unread; });
}

json as_json(const session_stats& s) {
  using milliseconds = std::chrono::duration<double, std::milli>;
  return {{"streams", s.streams},
          {"opened", s.opened},
          {"sent", s.wire_sent},
          {"received", s.wire_received},
          {"window", s.receive_windows},
          {"unread", s.unread},
          {"queued", s.queued_streams},
          {"stalls", s.credit_stalls},
          {"stalled_ms", milliseconds(s.credit_stalled).count()},
          {"round_trip_ms", milliseconds(s.round_trip).count()}};
}

json connection_of(const instance_report::connection& c) {
  const context& ctx = c.ctx;
  return {{"id", ctx.id},
          {"source", fmt::format("{}:{}", ctx.inbound.source.to_string(), ctx.inbound.source_port)},
          {"inbound", ctx.inbound.tag},
          {"user", ctx.inbound.user.name},
          {"target", to_string(ctx.outbound.target)},
          {"protocol", ctx.content.protocol},
          {"outbound", ctx.outbound.tag},
          {"up", c.up},
          {"down", c.down},
          {"seconds", c.seconds}};
}

std::uint64_t drops_of(const instance_report& r) {
  return std::accumulate(r.drops.begin(), r.drops.end(), std::uint64_t{0});
}

}  // namespace

std::string metrics_text(const instance_report& r) {
  metrics m;
  add_counters(m, r);
  add_main_connections(m, r);
  m.begin("muxpro_failed_logins_total", "counter", "Wrong passwords since the start.");
  for (const auto& [tag, n] : r.failed_logins)
    m.line("muxpro_failed_logins_total", labels("inbound", tag), n);
  m.begin("muxpro_timers", "gauge", "Timers that exist on the proxy's threads, set or not.");
  m.line("muxpro_timers", r.timers);
  m.begin("muxpro_names_under_way", "gauge", "Names that DNS servers are asked for.");
  m.line("muxpro_names_under_way", r.names.under_way);
  m.begin("muxpro_names_waiting", "gauge", "Look-ups that wait: their users have too many names under way.");
  m.line("muxpro_names_waiting", r.names.waiting);
  m.begin("muxpro_names_cached", "gauge", "Names whose answers are kept.");
  m.line("muxpro_names_cached", r.names.cached);
  m.begin("muxpro_dropped_datagrams_total", "counter", "Datagrams that were dropped, for any reason.");
  m.line("muxpro_dropped_datagrams_total", drops_of(r));
  m.begin("muxpro_datagram_drops_total", "counter", "The same by reason.");
  for (std::size_t i = 0; i < drop_reasons; ++i)
    m.line("muxpro_datagram_drops_total", fmt::format("reason=\"{}\"", name_of(static_cast<drop_reason>(i))),
           r.drops[i]);
  m.begin("muxpro_sent_datagram_bytes_total", "counter", "Bytes of datagrams to the outside.");
  m.line("muxpro_sent_datagram_bytes_total", r.datagrams.sent);
  m.begin("muxpro_received_datagram_bytes_total", "counter",
          "Bytes of datagrams from the outside; many times those to it: an amplifier.");
  m.line("muxpro_received_datagram_bytes_total", r.datagrams.received);
  return std::move(m.text);
}

std::string debug_vars(const instance_report& r) {
  json stats{{"inbound", json::object()}, {"outbound", json::object()}, {"user", json::object()}};
  for (const auto& row : r.counters)
    stats[std::string(name_of(row.what))][row.name] = {{"uplink", row.up}, {"downlink", row.down}};
  return json{{"stats", std::move(stats)}}.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string status_json(const instance_report& r) {
  json out{
      {"complete", r.complete}, {"live", r.live}, {"timers", r.timers}, {"dropped_datagrams", drops_of(r)}};
  out["names"] = {{"under_way", r.names.under_way}, {"waiting", r.names.waiting}, {"cached", r.names.cached}};
  out["counters"] = json::object();
  for (const auto& row : r.counters) {
    out["counters"][counter_name(row.what, row.name, true)] = row.up;
    out["counters"][counter_name(row.what, row.name, false)] = row.down;
  }
  out["outbounds"] = json::array();
  for (const auto& [tag, o] : r.outbounds) {
    json mains = json::array();
    for (const session_stats& s : o.main_connections) mains.push_back(as_json(s));
    out["outbounds"].push_back({{"tag", tag}, {"live", o.live}, {"main_connections", std::move(mains)}});
  }
  out["inbounds"] = json::array();
  for (const auto& [tag, i] : r.inbounds) {
    json mains = json::array();
    for (const auto& accepted : i.main_connections) {
      mains.push_back(as_json(accepted));
      mains.back()["source"] = accepted.source;
      mains.back()["user"] = accepted.user;
    }
    out["inbounds"].push_back({{"tag", tag}, {"ever", i.ever}, {"main_connections", std::move(mains)}});
  }
  out["connections"] = json::array();
  for (const auto& c : r.connections) out["connections"].push_back(connection_of(c));
  return out.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace muxpro::proxy
