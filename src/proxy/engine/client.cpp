#include <muxpro/proxy/client.hpp>

#include "proxy/net/or_error.hpp"
#include "proxy/policy/dial_outcome.hpp"

#include <algorithm>
#include <array>

namespace muxpro::proxy {

struct client::far_side {
  std::shared_ptr<connection> far;
  relay_options options;
};

client::client(std::shared_ptr<connection> c, const relay_limits& limits, std::vector<std::byte> early)
    : connection_(std::move(c)), limits_(limits), early_(std::move(early)) {}

client::~client() {
  if (!ended_ && !relayed_) connection_->cut();
}

std::vector<std::byte> client::reply_to(std::error_code) { return {}; }

asio::awaitable<void> client::answer(std::error_code outcome, std::error_code& ec) {
  if (answered_ || refusal_) co_return;
  refusal_ = outcome;
  if (outcome) co_return;
  answered_ = true;
  std::vector<std::byte> reply = reply_to(outcome);
  if (reply_waits()) {
    held_reply_ = std::move(reply);
    co_return;
  }
  const auto rest = connection_->write_now(reply);
  if (rest.size() > 0) co_await connection_->write(rest, ec);
}

namespace {

/// The limits of both sides hold.
void tighten(relay_limits& o, const relay_limits& other) {
  o.idle = std::min(o.idle, other.idle);
  o.uplink_only = std::min(o.uplink_only, other.uplink_only);
  o.downlink_only = std::min(o.downlink_only, other.downlink_only);
  o.linger = std::min(o.linger, other.linger);
}

class cut_by_exception {
 public:
  explicit cut_by_exception(connection& c) noexcept : c_(&c) {}
  cut_by_exception(const cut_by_exception&) = delete;
  ~cut_by_exception() {
    if (c_) c_->cut();
  }
  void completed() noexcept { c_ = nullptr; }

 private:
  connection* c_;
};

}  // namespace

relay_options client::options_within(const relay_options& limits) {
  relay_options both = limits;
  tighten(both, limits_);
  both.early_of_a = std::move(early_);
  both.early_of_b_waits = both.early_of_b.empty();
  both.early_of_b.insert(both.early_of_b.begin(), held_reply_.begin(), held_reply_.end());
  both.progress = bytes_;
  return both;
}

asio::awaitable<void> client::relay_to(connection& far, relay_options both, std::error_code& ec) {
  cut_by_exception unless_completed(far);
  relay_begins();
  co_await async_relay(connection_->stream_to_relay(), far.stream_to_relay(), std::move(both), or_error(ec));
  relayed_ = true;
  unless_completed.completed();
}

asio::awaitable<void> client::relay(connection& far, const relay_options& limits, std::error_code& ec) {
  return relay_to(far, options_within(limits), ec);
}

void client::hand_over(std::shared_ptr<connection> far, const relay_options& limits) {
  handed_over_.reset(new far_side{std::move(far), options_within(limits)});
}

asio::awaitable<void> client::relay_if_handed_over(std::error_code& ec) {
  const auto to = std::move(handed_over_);
  if (to) co_await relay_to(*to->far, std::move(to->options), ec);
}

namespace {

struct relay_handler {
  std::shared_ptr<relay_owner> owner;
  void operator()(std::error_code why, const relay_result&) const { owner->relay_ended(why); }
};

}  // namespace

void client::start_relay(std::shared_ptr<relay_owner> owner) {
  const auto to = std::move(handed_over_);
  far_ = std::move(to->far);
  cut_by_exception unless_begun(*far_);
  relay_begins();
  async_relay(connection_->stream_to_relay(), far_->stream_to_relay(), std::move(to->options),
              relay_handler{std::move(owner)});
  unless_begun.completed();
}

void client::relay_is_over() noexcept {
  relayed_ = true;
  far_.reset();
}

void client::end_after_relay(std::error_code why) {
  ended_ = true;
  has_ended(why);
}

void client::on_abandoned(std::function<void(std::error_code)> call) {
  on_abandoned_ = std::move(call);
  if (abandoned_ && on_abandoned_) std::exchange(on_abandoned_, nullptr)(abandoned_);
}

void client::abandon(std::error_code why) {
  abandoned_ = why;
  if (on_abandoned_) std::exchange(on_abandoned_, nullptr)(why);
}

asio::awaitable<std::size_t> client::read_some(asio::mutable_buffer into, std::error_code& ec) {
  std::size_t n = asio::buffer_copy(into, asio::buffer(early_));
  early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(n));
  if (n == 0) n = co_await connection_->read_some(into, ec);
  count(&relay_bytes::a_to_b, n);
  co_return n;
}

asio::awaitable<void> client::write(asio::const_buffer from, std::error_code& ec) {
  std::vector<std::byte> joined = std::exchange(held_reply_, {});
  const bool joins = !joined.empty();
  const auto* const first = static_cast<const std::byte*>(from.data());
  if (joins) joined.insert(joined.end(), first, first + from.size());
  co_await connection_->write(joins ? asio::buffer(joined) : from, ec);
  if (!ec) count(&relay_bytes::b_to_a, from.size());
}

asio::awaitable<void> client::finish() {
  finished_ = true;
  return held_reply_.empty() ? connection_->finish() : finish_behind_reply();
}

asio::awaitable<void> client::finish_behind_reply() {
  std::error_code ignored;
  co_await send_reply(ignored);
  co_await connection_->finish();
}

asio::awaitable<void> client::send_reply(std::error_code& ec) {
  const std::vector<std::byte> reply = std::exchange(held_reply_, {});
  if (!reply.empty()) co_await connection_->write(asio::buffer(reply), ec);
}

std::vector<std::byte> client::take_early() {
  count(&relay_bytes::a_to_b, early_.size());
  return std::exchange(early_, {});
}

asio::awaitable<void> client::read_early(std::size_t most, asio::cancellation_slot stop,
                                         std::error_code& ec) {
  constexpr std::size_t least = 2048;
  const std::size_t had = early_.size();
  early_.resize(std::min(std::max(2 * had, least), std::max(had, most)));
  const std::size_t n = co_await connection_->read_some(asio::buffer(early_) + had, ec, stop);
  early_.resize(had + n);
}

namespace {

asio::awaitable<void> drop_and_close(std::shared_ptr<connection> c) {
  const deadline limit(c, lingering_limit, &connection::close);
  constexpr std::size_t most = 16 << 20;
  std::array<std::byte, 4096> room;
  std::error_code ec;
  for (std::size_t dropped = 0; !ec && dropped < most;)
    dropped += co_await c->read_some(asio::buffer(room), ec);
  c->close();
}

}  // namespace

asio::awaitable<void> client::end(std::error_code why) {
  ended_ = true;
  if (!answered_) {
    const std::error_code refusal = refusal_ ? refusal_ : why ? why : asio::error::operation_aborted;
    const std::vector<std::byte> reply = reply_to(refusal);
    if (reply.empty())
      connection_->cut(end_code_of(refusal));
    else
      co_await write_and_close(connection_, reply);
  } else if (!relayed_ && finished_ && !why) {
    co_await drop_and_close(connection_);
  } else if (!relayed_) {
    connection_->cut(end_code_of(why));
  }
  has_ended(why);
}

std::shared_ptr<connection> client::release() noexcept {
  ended_ = true;
  return connection_;
}

asio::awaitable<void> write_and_close(std::shared_ptr<connection> c, const_bytes reply) {
  const deadline limit(c, lingering_limit, &connection::close);
  std::error_code ec;
  co_await c->write(asio::buffer(reply.data(), reply.size()), ec);
  if (ec) co_return;
  co_await c->finish();
  co_await drop_and_close(c);
}

}  // namespace muxpro::proxy
