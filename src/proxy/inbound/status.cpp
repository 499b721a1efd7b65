#include "proxy/inbound/status.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"
#include "proxy/http/head.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/net/read_more.hpp"
#include "proxy/status/page.hpp"
#include "proxy/status/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

asio::awaitable<std::string> answer_to(const question& q, const status_reporter& ask) {
  if (!is_own_name(q.host))
    co_return refusal("403 Forbidden", "The host in the request must be an IP address or localhost.");
  if (q.method != "GET") co_return refusal("405 Method Not Allowed", "Only GET is supported.");
  if (q.path == "/") co_return answer("200 OK", "text/html; charset=utf-8", status_page);
  if (q.path == "/ready") {
    const auto report = co_await ask(0);
    if (report.draining) co_return refusal("503 Service Unavailable", "The proxy is draining.");
    co_return answer("200 OK", "text/plain; charset=utf-8", "The proxy accepts connections.\n");
  }
  if (q.path == "/metrics") {
    const auto report = co_await ask(0);
    // Sums without one thread would look like counters that began anew.
    if (!report.complete)
      co_return refusal("503 Service Unavailable", "Not every thread has answered in time.");
    co_return answer("200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics_text(report));
  }
  if (q.path == "/debug/vars") {
    const auto report = co_await ask(0);
    if (!report.complete)
      co_return refusal("503 Service Unavailable", "Not every thread has answered in time.");
    co_return answer("200 OK", "application/json", debug_vars(report));
  }
  if (q.path == "/status.json") {
    const auto report = co_await ask(connections_shown);
    co_return answer("200 OK", "application/json", status_json(report));
  }
  co_return refusal("404 Not Found", "There are /, /ready, /metrics, /status.json and /debug/vars.");
}

using found = http_head_scanner::status;

http_head_scanner head_scanner() { return {{max_head, max_fields}, http_head_scanner::empty_lines::skipped}; }

/// `head` is complete if `status` is `complete`.
asio::awaitable<std::string> answer_to_head(found status, std::string_view head, const status_reporter& ask) {
  if (status == found::complete) {
    const question q = read_head(head);
    auto words = co_await answer_to(q, ask);
    co_return words;
  }
  if (status == found::too_long || status == found::too_many_fields)
    co_return refusal("431 Request Header Fields Too Large", "The request is too long.");
  co_return refusal("400 Bad Request", "The request is not HTTP/1.");
}

}  // namespace

asio::awaitable<void> status_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher&,
                                            admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), handshake);
  http_head_scanner scanner = head_scanner();
  found status = found::need_more;
  for (std::error_code ec; status == found::need_more;) {
    co_await who.read_more(max_head, ec);
    if (ec) co_return;
    status = scanner.next(as_text(who.buffered()));
  }
  const std::string head(status == found::complete ? scanner.head(as_text(who.buffered())) : "");
  who.release();
  const std::string words = co_await answer_to_head(status, head, report_);
  co_await write_and_close(who.c, std::as_bytes(std::span(words)));
}

asio::awaitable<connection_result> status_outbound::carry(const context&, client& c) {
  const counted here(*this);
  connection_result result;
  std::error_code& ec = result.why;
  co_await c.answer({}, ec);
  idle_timer quiet(c.get_executor(), status_inbound::handshake, [&c] { c.cut(); });
  http_head_scanner scanner = head_scanner();
  std::vector<std::byte> so_far;
  found status = found::need_more;
  while (!ec && status == found::need_more) {
    co_await read_more(c, so_far, max_head - so_far.size(), ec);
    if (!ec) status = so_far.size() < max_head ? scanner.next(as_text(so_far)) : found::too_long;
  }
  if (ec) co_return result;
  const std::string head(status == found::complete ? scanner.head(as_text(so_far)) : "");
  const std::string words = co_await answer_to_head(status, head, report_);
  co_await c.write(asio::buffer(words), ec);
  if (!ec) co_await c.finish();
  co_return result;
}

}  // namespace muxpro::proxy
