// The beginning of a session, with the negotiation, and what comes in front of the peer's first frame.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <array>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL asio::awaitable<void> session_impl::negotiate_loop(std::shared_ptr<session_impl> self) {
  co_await self->negotiate();
  if (self->handshake_) std::exchange(self->handshake_, nullptr)->complete(self->fate_);
  if (!self->accepts_.empty() || !self->queue_.empty()) self->expect_run();
}

struct session_impl::negotiation_deadline {
  std::shared_ptr<session_impl> self;
  time_point when;
  void operator()(error_code) const {
    if (self->state_ == state::negotiating && self->now() >= when) self->close(errc::negotiate_timeout);
  }
};

// One absolute deadline for all of it. The timer closes the session, it does not race.
MUXPRO_DECL asio::awaitable<void> session_impl::negotiate() {
  if (options_.speaks == dialect::mux_cool) {
    unparsed_ = first_bytes_;
    ready(version_0_1, dialect::mux_cool);
    co_return;
  }
  const time_point deadline = now() + options_.negotiate_timeout;
  timer_->async_wait_until(deadline, negotiation_deadline{shared_from_this(), deadline});
  unparsed_ = first_bytes_;
  error_code ec;
  if (role_ == role::client)
    ec = co_await ask_version();
  else
    ec = co_await answer_version();
  if (closed()) co_return;
  timer_->cancel();
  if (ec) close(ec);
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::ask_version() {
  // The request that both layouts can read holds 0.1 and 0.0. Other versions are requested in layout S.
  std::vector<std::byte> request(25);
  const std::vector<version> usual{version_0_1, version_0_0};
  const auto compatible = compatible_request();
  if (options_.versions == usual)
    request.assign(compatible.begin(), compatible.end());
  else
    request = encoded(negotiate_version{dialect::spec, options_.versions});
  request.insert(request.begin(), head_.begin(), head_.end());
  head_.clear();
  error_code ec = co_await write_all(request);
  if (ec) co_return ec;
  negotiate_version answer;
  ec = co_await read_negotiation(answer);
  if (ec) co_return ec;
  if (answer.versions.size() != 1 || !choose_version(answer.versions, options_.versions))
    co_return make_error_code(errc::no_common_version);
  ready(answer.versions.front(), answer.layout);
  co_return error_code();
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::answer_version() {
  negotiate_version request;
  error_code ec = co_await read_negotiation(request);
  if (ec) co_return ec;
  const auto best = choose_version(request.versions, options_.versions);
  if (!best) co_return make_error_code(errc::no_common_version);
  negotiate_version reply{request.layout, {}};
  reply.versions.push_back(*best);
  const std::vector<std::byte> answer = encoded(reply);
  ec = co_await write_all(answer);
  if (ec) co_return ec;
  ready(*best, request.layout);
  if (!unparsed_.empty()) rules_.report_glitch(active_at_);  // the client did not wait for the answer
  co_return error_code();
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::read_negotiation(negotiate_version& f) {
  constexpr std::size_t at_once = 1024;  // of bytes that wait in memory for what comes behind them
  for (;;) {
    if (unparsed_.empty()) {
      first_bytes_.resize(at_once);
      error_code ec;
      const std::size_t n = co_await next_layer_->read_some(asio::buffer(first_bytes_), ec);
      if (closed()) co_return fate_;
      if (ec == asio::error::eof) co_return make_error_code(errc::connection_lost);
      if (ec) co_return ec;
      counted_.wire_received += n;
      ++counted_.reads;
      unparsed_ = const_bytes(first_bytes_).first(n);
      if (peers_head_) ec = strip_peers_head();
      if (ec) co_return ec;
      if (unparsed_.empty()) continue;
    }
    const auto step = decoder_.next(unparsed_);
    unparsed_ = unparsed_.subspan(step.consumed);
    if (step.what == decoder::status::need_more) continue;
    const auto* const answer = std::get_if<negotiate_version>(&decoder_.current());
    if (step.what != decoder::status::header || !answer) co_return make_error_code(errc::not_muxpro);
    ++counted_.received[static_cast<std::size_t>(frame_type::negotiate_version)].frames;
    f = *answer;
    co_return error_code();
  }
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::write_all(const_bytes data) {
  error_code ec;
  while (!data.empty() && !ec) {
    const std::array<asio::const_buffer, 1> rest{asio::buffer(data.data(), data.size())};
    const std::size_t n = co_await next_layer_->write_some(gather_list(rest), ec);
    if (closed()) co_return fate_;
    counted_.wire_sent += n;
    data = data.subspan(n);
  }
  ++counted_.sent[static_cast<std::size_t>(frame_type::negotiate_version)].frames;
  co_return ec;
}

MUXPRO_DECL void session_impl::ready(version v, dialect d) {
  state_ = state::ready;
  version_ = v;
  if (d == dialect::mux_cool)
    log(severity::info, "the session speaks Mux.Cool");
  else
    log(severity::info, "version {}.{} is agreed", v.major, v.minor);
  decoder_.agreed(v, d);
  rules_.agreed(d);
  outbox_.agreed(rules_.wire().longest_data);
  active_at_ = unused_since_ = now();
  if (unparsed_.empty()) std::vector<std::byte>().swap(first_bytes_);  // an idle session has no use for it
  serve_opens(serve::all);
}

// What comes in front of the peer's first frame.
MUXPRO_DECL error_code session_impl::strip_peers_head() {
  peers_beginning_.insert(peers_beginning_.end(), unparsed_.begin(), unparsed_.end());
  unparsed_ = {};
  error_code ec;
  const std::size_t n = peers_head_(peers_beginning_, ec);
  if (ec || n == 0) return ec;
  peers_head_ = nullptr;
  first_bytes_.assign(peers_beginning_.begin() + static_cast<std::ptrdiff_t>(n), peers_beginning_.end());
  std::vector<std::byte>().swap(peers_beginning_);
  unparsed_ = first_bytes_;
  return {};
}

}  // namespace muxpro::detail
