#include "proxy/dial/doh_server.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/transport/tls.hpp"

#include <fmt/format.h>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// Of a message (RFC 8484 section 6).
constexpr std::size_t longest_message = 65535;
constexpr const char* dns_message_type = "application/dns-message";

class dns_body final : public http2_body {
 public:
  std::error_code judge(const http2_head& h) const override {
    if (const std::error_code why = http2_body::judge(h)) return why;
    const bool is_head = !h[":status"].empty();
    if (is_head && !h["content-type"].starts_with(dns_message_type)) return http2_errc::bad_body;
    return {};
  }
};

// Pings detect a server that is gone without closing while there is still time to ask over another
// connection.
http2_options limits_of_doh() {
  http2_options o;
  o.stream_window = 128 * 1024;
  o.idle = std::chrono::seconds(60);
  o.ping_after = std::chrono::seconds(1);
  o.ping_answer = std::chrono::milliseconds(1500);
  return o;
}

std::shared_ptr<const transport> doh_tls(const dns_server_options& o, const std::string& authority) {
  if (!o.tls) return nullptr;
  tls_options options;
  options.name = o.at.host.to_string();
  options.authority = authority;
  options.alpn = {"h2"};
  options.least_version = 0x0303;  // TLS 1.2
  return std::make_shared<const tls_transport>(role::client, options);
}

std::string doh_authority(const host_port& at) {
  const std::string host = at.host.to_string();
  const bool v6 = at.host.type() == address::kind::ipv6;
  const std::string shown = v6 ? fmt::format("[{}]", host) : host;
  return at.port == 443 ? shown : fmt::format("{}:{}", shown, at.port);
}

asio::awaitable<std::vector<std::byte>> read_message(http2_stream& s, std::error_code& ec) {
  std::vector<std::byte> all;
  std::array<std::byte, 2048> room;
  for (;;) {
    const std::size_t n = co_await s.async_read_some(asio::buffer(room), or_error(ec));
    if (ec) break;
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
    if (all.size() > longest_message) ec = std::make_error_code(std::errc::message_size);
    if (ec) break;
  }
  if (ec == asio::error::eof) ec = {};
  co_return all;
}

/// Whether another connection may have an answer.
bool was_lost(std::error_code ec) {
  return ec == asio::error::eof || ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
         ec == http2_errc::refused_stream;
}

}  // namespace

doh_server::doh_server(const dns_server_options& o, const std::string& authority)
    : path_(o.path), authority_(doh_authority(o.at)), tls_(doh_tls(o, authority)), pools_(limits_of_doh()) {}

asio::awaitable<void> doh_server::ask(dns_exchange& e, transport::opener below, std::error_code& ec) {
  for (int attempt = 0; attempt < 2 && !e.done(); ++attempt) {
    ec = {};
    transport::opener dials = below;
    const auto c = co_await connect(std::move(dials), ec);
    if (ec) co_return;
    co_await ask_over(*c, e, ec);
    if (ec && !was_lost(ec)) co_return;
  }
}

asio::awaitable<std::shared_ptr<http2_connection>> doh_server::connect(transport::opener below,
                                                                       std::error_code& ec) {
  transport::opener secured = std::move(below);
  if (tls_)
    secured = [tls = tls_, plain = std::move(secured)](std::error_code& why) {
      return tls->dial(plain, why);
    };
  const auto pool = pools_.of(co_await asio::this_coro::executor);
  const auto use = co_await pool->get(std::move(secured), ec);
  const auto c = use ? use->for_request() : nullptr;
  if (!c && !ec) ec = http2_errc::refused_stream;
  if (c) kept_.add(c);
  co_return c;
}

http2_stream doh_server::request(http2_connection& c, std::size_t size) const {
  const http2_head head{{":method", "POST"},
                        {":scheme", tls_ ? "https" : "http"},
                        {":authority", authority_},
                        {":path", path_},
                        {"accept", dns_message_type},
                        {"content-type", dns_message_type},
                        {"content-length", std::to_string(size)}};
  return c.request(head, std::make_unique<dns_body>());
}

// All requests are on their way before the first answer is waited for.
asio::awaitable<void> doh_server::ask_over(http2_connection& c, dns_exchange& e, std::error_code& ec) const {
  const auto messages = e.open();
  std::vector<http2_stream> requests;
  for (const auto& m : messages) {
    requests.push_back(request(c, m.size()));
    if (!ec) co_await asio::async_write(requests.back(), asio::buffer(m), or_error(ec));
    if (!ec) co_await requests.back().async_shutdown(or_error(ec));
  }
  for (http2_stream& s : requests) {
    if (ec) break;
    const std::vector<std::byte> message = co_await read_message(s, ec);
    if (!ec && e.take(message, false) == dns_exchange::outcome::not_mine)
      ec = std::make_error_code(std::errc::bad_message);
  }
}

}  // namespace muxpro::proxy
