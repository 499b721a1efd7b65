#include "proxy/engine/observatory.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/transport/tls.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/timer.hpp>

#include <fmt/format.h>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

namespace {

bool is_selected(const std::string& tag, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](const auto& b) { return tag.starts_with(b); });
}

std::shared_ptr<const transport> tls_to(const observatory_options& o) {
  if (!o.tls) return nullptr;
  tls_options options;
  options.name = o.at.host.to_string();
  options.least_version = 0x0303;  // TLS 1.2
  return std::make_shared<const tls_transport>(role::client, options);
}

context context_of(const observatory_options& o, std::string outbound) {
  context ctx;
  ctx.id = context::new_id();
  ctx.inbound.tag = ctx.inbound.protocol = "observatory";
  ctx.outbound.tag = std::move(outbound);
  ctx.outbound.original = ctx.outbound.target = {network::tcp, o.at.host, o.at.port};
  return ctx;
}

/// Asks for the page, and waits for the first bytes of the answer.
asio::awaitable<void> ask(std::shared_ptr<connection> c, const observatory_options& o, std::error_code& ec) {
  const std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", o.method,
                                          o.path, o.at.host.to_string());
  co_await c->write(asio::buffer(request), ec);
  std::array<std::byte, 512> room{};
  if (!ec) co_await c->read_some(asio::buffer(room), ec, {});
}

}  // namespace

observatory::observatory(observatory_options options, const std::vector<std::string>& outbounds)
    : options_(std::move(options)), tls_(tls_to(options_)) {
  for (const std::string& tag : outbounds)
    if (is_selected(tag, options_.selector)) selected_.push_back(tag);
}

asio::awaitable<std::optional<duration>> observatory::measure(dispatcher& to, std::string outbound) const {
  target_link link = to.dispatch(context_of(options_, std::move(outbound)));
  std::shared_ptr<connection> c = std::make_shared<connection_over<pipe_end>>(std::move(link.stream));
  const auto began = std::chrono::steady_clock::now();
  std::error_code ec;
  {
    const deadline limit(c, options_.timeout);
    std::shared_ptr<connection> page = c;
    if (tls_) page = co_await tls_->open(c, ec);
    if (!ec) co_await ask(page, options_, ec);
    if (page) page->cut();
  }
  if (ec) co_return std::nullopt;
  co_return std::chrono::steady_clock::now() - began;
}

asio::awaitable<void> observatory::run(dispatcher& to) {
  counted_timer pause(to.get_executor());
  for (;;) {
    for (const std::string& tag : selected_) {
      const std::optional<duration> took = co_await measure(to, tag);
      const std::lock_guard lock(mutex_);
      samples_.try_emplace(tag, options_.samples).first->second.add(took);
    }
    std::error_code ec;
    pause.expires_after(options_.interval);
    co_await pause.async_wait(or_error(ec));
  }
}

std::optional<outbound_health> observatory::health(std::string_view outbound) const {
  const std::lock_guard lock(mutex_);
  const auto found = samples_.find(outbound);
  return found == samples_.end() ? std::nullopt : found->second.health();
}

bool observatory::is_dead(std::string_view outbound) const {
  const std::lock_guard lock(mutex_);
  const auto found = samples_.find(outbound);
  return found != samples_.end() && !found->second.is_alive();
}

}  // namespace muxpro::proxy
