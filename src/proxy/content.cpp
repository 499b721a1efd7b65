#include "content.hpp"

#include "or_error.hpp"

#include <muxpro/proxy/timer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Ends reads when the time is over.
class brake {
 public:
  brake(asio::any_io_executor executor, duration limit) : timer_(std::move(executor), limit) {
    timer_.async_wait([state = state_](std::error_code cancelled) {
      if (cancelled) return;
      state->over = true;
      state->signal.emit(asio::cancellation_type::terminal);
    });
  }
  bool over() const noexcept { return state_->over; }
  asio::cancellation_slot slot() noexcept { return state_->signal.slot(); }

 private:
  struct shared {
    asio::cancellation_signal signal;
    bool over = false;
  };
  std::shared_ptr<shared> state_ = std::make_shared<shared>();
  counted_timer timer_;
};

// Reads until a sniffer is sure, `limit` is over, or the client sends no more.
asio::awaitable<sniff_result> sniff(outbound_link& link, duration limit, std::error_code& ec) {
  brake b(link.stream.get_executor(), limit);
  std::vector<std::byte>& first = link.first_data;
  sniff_result result;
  do {
    const std::size_t had = first.size();
    first.resize(std::min(std::max<std::size_t>(2 * had, 2048), sniff_limit));
    const std::size_t n = co_await link.stream.async_read_some(
        asio::buffer(first) + had, asio::bind_cancellation_slot(b.slot(), or_error(ec)));
    first.resize(had + n);
    if (!ec) result = sniff_stream(first);
  } while (!ec && result.status == sniff_status::need_more && !b.over());
  if (b.over() || ec == asio::error::eof) ec.clear();
  co_return result;
}

}  // namespace

asio::awaitable<void> learn_content(context& c, outbound_link& link, fake_dns* fakes, std::error_code& ec) {
  const sniff_policy* policy = c.content.sniffing.get();
  if (!policy) co_return;
  const destination& target = c.outbound.target;
  fake_dns::clue clue;
  if (fakes && !target.host.is_domain()) clue = fakes->find(target.host);
  sniff_result found;
  if (policy->reads_content(target)) {
    link.target().tell({});
    found = co_await sniff(link, policy->timeout(), ec);
    if (ec) co_return;
  }
  const sniff_decision d = policy->decide(target, clue, found);
  if (!d.protocol.empty()) c.content.protocol = d.protocol;
  if (!found.attrs.empty()) c.content.attributes = std::move(found.attrs);
  if (d.route_target) c.outbound.route_target = d.route_target;
  if (d.target) c.outbound.target = *d.target;
}

}  // namespace muxpro::proxy
