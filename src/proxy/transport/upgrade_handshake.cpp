#include "proxy/transport/upgrade_handshake.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/http/disguise.hpp"
#include "proxy/net/read_more.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Returns the most bytes of the next read. No byte behind the head is read for raw bytes, so that the
/// connection below goes on as it is.
std::size_t next_piece(const std::vector<std::byte>& received, upgrade_protocol p) {
  return p == upgrade_protocol::websocket ? 2048 : missing_in_head(as_text(received));
}

/// Reads until `parser` has a head. The bytes behind it stay in `received`.
template <class Parser>
asio::awaitable<typename Parser::step> read_upgrade_head(connection& c, upgrade_protocol p, Parser parser,
                                                         std::vector<std::byte>& received,
                                                         std::error_code& ec) {
  typename Parser::step step;
  while (!ec && step.what == Parser::status::need_more) {
    co_await read_more(c, received, next_piece(received, p), ec);
    if (!ec) step = parser.next(received);
  }
  received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(step.consumed));
  co_return step;
}

asio::awaitable<void> answer_upgrade(connection& c, const upgrade_verdict& v, std::error_code& ec) {
  co_await c.write(asio::buffer(v.answer), ec);
  if (ec || !v.refusal) co_return;
  co_await c.finish();
  c.close();
  ec = v.refusal;
}

asio::awaitable<upgraded> ask_in_time(connection& c, const upgrade_options& o, std::error_code& ec) {
  const std::string key = o.protocol == upgrade_protocol::websocket ? new_websocket_key() : std::string();
  const std::string request = upgrade_request(o, key);
  upgraded out;
  co_await c.write(asio::buffer(request), ec);
  if (ec) co_return out;
  http_response_parser parser("GET", upgrade_limits);
  const auto step = co_await read_upgrade_head(c, o.protocol, std::move(parser), out.behind, ec);
  if (ec) co_return out;
  if (step.what == http_response_parser::status::complete)
    ec = mistake_in_upgrade(step.response, o.protocol, key);
  else
    ec = upgrade_errc::no_http;
  co_return out;
}

asio::awaitable<upgraded> accept_in_time(connection& c, const upgrade_options& o, std::error_code& ec) {
  upgraded out;
  http_request_parser parser(upgrade_limits, http_target_form::origin);
  const auto step = co_await read_upgrade_head(c, o.protocol, std::move(parser), out.behind, ec);
  if (ec) co_return out;
  upgrade_verdict verdict = bad_upgrade();
  if (step.what == http_request_parser::status::complete) verdict = judge_upgrade(step.request, o);
  out.early = std::move(verdict.early);
  out.source = forwarded_source(step.request, o.trusted);
  co_await answer_upgrade(c, verdict, ec);
  co_return out;
}

}  // namespace

asio::awaitable<upgraded> ask_for_upgrade(std::shared_ptr<connection> c, const upgrade_options& o,
                                          std::error_code& ec) {
  const deadline limit(c, o.handshake);
  upgraded out = co_await ask_in_time(*c, o, ec);
  if (ec && limit.expired()) ec = asio::error::timed_out;
  co_return out;
}

asio::awaitable<upgraded> accept_upgrade(std::shared_ptr<connection> c, const upgrade_options& o,
                                         std::error_code& ec) {
  const deadline limit(c, o.handshake);
  upgraded out = co_await accept_in_time(*c, o, ec);
  if (ec && limit.expired()) ec = asio::error::timed_out;
  co_return out;
}

}  // namespace muxpro::proxy
