#include "proxy/inbound/status.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"
#include "proxy/http/head.hpp"
#include "proxy/status/page.hpp"
#include "proxy/status/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace muxpro::proxy {

namespace {

constexpr std::size_t max_head = 8 * 1024, max_fields = 100;
constexpr std::size_t connections_shown = 100;  // of each thread

struct question {
  std::string method, path;
  std::string host;  ///< without its port
};

// Only what the answer depends on.
question read_head(std::string_view head) {
  question q;
  if (const auto words = split_request_line(take_line(head))) {
    q.method = words->method;
    q.path = words->target.substr(0, words->target.find('?'));
  }
  for (std::string_view line = take_line(head); !line.empty(); line = take_line(head))
    if (const auto colon = line.find(':'); is_name(line.substr(0, colon), "host"))
      q.host = http_authority(trimmed(line.substr(colon + 1))).host;
  return q;
}

// An address, or localhost.
bool is_own_name(std::string_view host) { return is_name(host, "localhost") || !address(host).is_domain(); }

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

asio::awaitable<std::string> answer_to(const question& q, const status_inbound::reporter& ask) {
  if (!is_own_name(q.host)) co_return refusal("403 Forbidden", "Ask for it by address or as localhost.");
  if (q.method != "GET") co_return refusal("405 Method Not Allowed", "There is only GET.");
  if (q.path == "/") co_return answer("200 OK", "text/html; charset=utf-8", status_page);
  if (q.path == "/metrics") {
    const auto report = co_await ask(0);
    // Sums without one thread would look like counters that began anew.
    if (!report.complete)
      co_return refusal("503 Service Unavailable", "Not every thread has answered in time.");
    co_return answer("200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics_text(report));
  }
  if (q.path == "/status.json") {
    const auto report = co_await ask(connections_shown);
    co_return answer("200 OK", "application/json", status_json(report));
  }
  co_return refusal("404 Not Found", "There are /, /metrics and /status.json.");
}

}  // namespace

asio::awaitable<void> status_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher&,
                                            admission::ticket place) const {
  using found = http_head_scanner::status;
  pending_client who(std::move(c), ctx, std::move(place), handshake);
  http_head_scanner scanner({max_head, max_fields}, http_head_scanner::empty_lines::skipped);
  found head = found::need_more;
  for (std::error_code ec; head == found::need_more;) {
    co_await who.read_more(max_head, ec);
    if (ec) co_return;
    head = scanner.next(as_text(who.buffered()));
  }
  std::string words;
  if (head == found::complete) {
    const question q = read_head(scanner.head(as_text(who.buffered())));
    who.release();
    words = co_await answer_to(q, report_);
  } else if (head == found::too_long || head == found::too_many_fields) {
    words = refusal("431 Request Header Fields Too Large", "The request is too long.");
  } else {
    words = refusal("400 Bad Request", "The request is not HTTP/1.");
  }
  co_await write_and_close(who.c, std::as_bytes(std::span(words)));
}

}  // namespace muxpro::proxy
