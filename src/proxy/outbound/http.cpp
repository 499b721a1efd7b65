#include "proxy/outbound/http.hpp"

#include "proxy/http/response.hpp"
#include "proxy/net/read_more.hpp"

#include <muxpro/proxy/connection.hpp>

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

constexpr http_head_limits answer_limits{16 * 1024, 128};

std::string connect_request(const host_port& target, const http_outbound_options& o) {
  const std::string where = to_string(target);
  std::string out = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", where);
  if (!o.credentials.empty()) out += fmt::format("Proxy-Authorization: Basic {}\r\n", o.credentials);
  return out + o.fields + "\r\n";
}

/// Of an answer that is no success (RFC 9110 section 15).
std::error_code error_of(unsigned status) {
  if (status / 100 == 2) return {};
  if (status == 403 || status == 407) return errc::target_rejected;
  if (status == 504) return errc::target_timeout;
  return status / 100 == 5 ? errc::target_unreachable : errc::bad_answer;
}

/// Reads the answer. Leaves in `received` what follows it.
asio::awaitable<void> read_answer(connection& server, std::vector<std::byte>& received, std::error_code& ec) {
  using status = http_response_parser::status;
  http_response_parser parser("CONNECT", answer_limits);
  for (;;) {
    co_await read_more(server, received, answer_limits.bytes + 1 - received.size(), ec);
    if (ec == asio::error::eof) ec = errc::connection_lost;
    if (ec) co_return;
    const http_response_parser::step step = parser.next(received);
    if (step.what == status::need_more && received.size() <= answer_limits.bytes) continue;
    ec = step.what == status::complete ? error_of(step.response.status) : errc::bad_answer;
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    co_return;
  }
}

}  // namespace

asio::awaitable<std::vector<std::byte>> http_outbound::ask(std::shared_ptr<connection> server,
                                                           const context& ctx, client& c,
                                                           std::error_code& ec) const {
  c.on_abandoned([weak = std::weak_ptr(server)](std::error_code) {
    if (const auto s = weak.lock()) s->cut();
  });
  std::vector<std::byte> received;
  const std::string request =
      connect_request(host_port(ctx.outbound.target.host, ctx.outbound.target.port), options_);
  {
    const deadline limit(server, options_.handshake);
    co_await server->write(asio::buffer(request), ec);
    if (!ec) co_await read_answer(*server, received, ec);
    if (ec && limit.expired()) ec = errc::target_timeout;
  }
  c.on_abandoned(nullptr);
  co_return received;
}

asio::awaitable<connection_result> http_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  const auto server = co_await server_->dial(result.why);
  relay_options limits = options_.relay;
  if (!result.why) limits.early_of_b = co_await ask(server, ctx, c, result.why);
  co_await c.answer(result.why, result.why);
  if (!result.why) c.hand_over(server, limits);
  co_return result;
}

}  // namespace muxpro::proxy
