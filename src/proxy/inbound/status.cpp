#include "proxy/inbound/status.hpp"

#include "proxy/http/text.hpp"
#include "proxy/status/page.hpp"
#include "proxy/status/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace muxpro::proxy {

namespace {

constexpr std::size_t max_head = 8 * 1024;
constexpr std::size_t connections_shown = 100;  // of each thread

struct asked {
  bool complete = false;
  std::string_view method, path, host;
};

// Only what the answer depends on.
asked read_head(std::string_view said) {
  asked a;
  const auto end = said.find("\r\n\r\n");
  if (end == std::string_view::npos) return a;
  a.complete = true;
  std::string_view head = said.substr(0, end);
  const auto next_line = [&head] {
    const auto at = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, at);
    head.remove_prefix(std::min(at + 2, head.size()));
    return line;
  };
  const std::string_view request = next_line();
  const auto first = request.find(' '), last = request.rfind(' ');
  if (first != std::string_view::npos && last > first) {
    a.method = request.substr(0, first);
    a.path = request.substr(first + 1, last - first - 1);
    a.path = a.path.substr(0, a.path.find('?'));
  }
  while (!head.empty()) {
    const auto line = next_line();
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && is_name(line.substr(0, colon), "host"))
      a.host = trimmed(line.substr(colon + 1));
  }
  return a;
}

// Without its port: an address, or localhost.
bool is_own_name(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
    host = host.substr(0, colon);
  return is_name(host, "localhost") || !address(host).is_domain();
}

std::string answer(std::string_view status, std::string_view type, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; script-src "
      "'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'\r\nConnection: close\r\n\r\n{}",
      status, type, body.size(), body);
}

std::string refusal(std::string_view status, std::string_view sentence) {
  return answer(status, "text/plain; charset=utf-8", fmt::format("{}\n", sentence));
}

asio::awaitable<std::string> answer_to(const asked& a, const status_inbound::reporter& ask) {
  if (!is_own_name(a.host)) co_return refusal("403 Forbidden", "Ask for it by address or as localhost.");
  if (a.method != "GET") co_return refusal("405 Method Not Allowed", "There is only GET.");
  if (a.path == "/") co_return answer("200 OK", "text/html; charset=utf-8", status_page);
  if (a.path == "/metrics") {
    const auto report = co_await ask(0);
    // Sums without one thread would look like counters that began anew.
    if (!report.complete)
      co_return refusal("503 Service Unavailable", "Not every thread has answered in time.");
    co_return answer("200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics_text(report));
  }
  if (a.path == "/status.json") {
    const auto report = co_await ask(connections_shown);
    co_return answer("200 OK", "application/json", status_json(report));
  }
  co_return refusal("404 Not Found", "There are /, /metrics and /status.json.");
}

}  // namespace

asio::awaitable<void> status_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher&,
                                            admission::ticket place) const {
  pending_client who(std::move(c), std::move(ctx), std::move(place), handshake);
  asked a;
  std::string said;
  for (std::error_code ec; !a.complete;) {
    co_await who.read_more(max_head, ec);
    if (ec == asio::error::message_size) {
      const std::string refused = refusal("431 Request Header Fields Too Large", "The request is too long.");
      co_return co_await write_and_close(who.c, std::as_bytes(std::span(refused)));
    }
    if (ec) co_return;
    said.assign(reinterpret_cast<const char*>(who.buffered().data()), who.buffered().size());
    a = read_head(said);
  }
  who.release();
  const std::string words = co_await answer_to(a, report_);
  co_await write_and_close(who.c, std::as_bytes(std::span(words)));
}

}  // namespace muxpro::proxy
