#include "content.hpp"

#include "or_error.hpp"
#include "renamed_datagrams.hpp"

#include <muxpro/frame.hpp>
#include <muxpro/timer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
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

asio::awaitable<held_datagram> receive(datagram_stream& from, asio::mutable_buffer memory, brake& b,
                                       std::error_code& ec) {
  host_port peer;
  const std::size_t n = co_await asio::co_spawn(from.get_executor(), from.receive(memory, peer, ec),
                                                asio::bind_cancellation_slot(b.slot(), asio::use_awaitable));
  const auto* data = static_cast<const std::byte*>(memory.data());
  co_return held_datagram{std::move(peer), {data, data + n}};
}

// The same for datagrams to `asked`; those to others are held meanwhile.
asio::awaitable<sniff_result> sniff(datagram_stream& from, const host_port& asked, duration limit,
                                    std::deque<held_datagram>& first, std::error_code& ec) {
  brake b(from.get_executor(), limit);
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::vector<const_bytes> looked_at;
  std::size_t held = 0;
  sniff_result result;
  do {
    held_datagram d = co_await receive(from, asio::buffer(memory.get(), max_datagram), b, ec);
    if (ec) break;
    first.push_back(std::move(d));
    held += first.back().data.size();
    if (!(first.back().peer == asked)) continue;
    looked_at.emplace_back(first.back().data);
    result = sniff_datagrams(looked_at);
  } while (result.status == sniff_status::need_more && first.size() < max_sniffed_datagrams &&
           held < sniff_limit && !b.over());
  if (b.over() || ec == asio::error::eof) ec.clear();
  co_return result;
}

fake_dns::clue clue_of(const destination& d, fake_dns* fakes) {
  return fakes && !d.host.is_domain() ? fakes->find(d.host) : fake_dns::clue();
}

// What was found becomes a part of the context. Returns what is dialled instead.
std::optional<destination> apply(context& c, const fake_dns::clue& clue, sniff_result found) {
  const destination& target = c.outbound.target;
  const sniff_decision d = c.content.sniffing->decide(target, clue, found);
  if (!d.protocol.empty()) c.content.protocol = d.protocol;
  if (!found.attrs.empty()) c.content.attributes = std::move(found.attrs);
  if (d.route_target) c.outbound.route_target = d.route_target;
  if (d.target) c.outbound.target = *d.target;
  return d.target;
}

}  // namespace

asio::awaitable<void> learn_content(context& c, outbound_link& link, fake_dns* fakes, std::error_code& ec) {
  const sniff_policy& policy = *c.content.sniffing;
  const fake_dns::clue clue = clue_of(c.outbound.target, fakes);
  sniff_result found;
  if (policy.reads_content(c.outbound.target)) {
    link.target().tell({});
    found = co_await sniff(link, policy.timeout(), ec);
    if (ec) co_return;
  }
  apply(c, clue, std::move(found));
}

asio::awaitable<std::unique_ptr<datagram_stream>> learn_content(context& c,
                                                                std::unique_ptr<datagram_stream> datagrams,
                                                                std::shared_ptr<fake_dns> fakes,
                                                                std::error_code& ec) {
  if (!c.content.sniffing) co_return datagrams;
  const auto policy = c.content.sniffing;
  const destination asked = c.outbound.target;
  std::deque<held_datagram> first;
  sniff_result found;
  if (policy->reads_content(asked)) {
    const host_port where(asked.host, asked.port);
    found = co_await sniff(*datagrams, where, policy->timeout(), first, ec);
    if (ec) co_return datagrams;
  }
  const auto replaced = apply(c, clue_of(asked, fakes.get()), std::move(found));
  auto rename = [=, fakes = std::move(fakes)](const host_port& peer) -> std::optional<host_port> {
    const destination where(network::udp, peer.host, peer.port);
    const auto other =
        where == asked ? replaced : policy->decide(where, clue_of(where, fakes.get()), {}).target;
    return other ? std::optional(host_port(other->host, other->port)) : std::nullopt;
  };
  co_return renamed(std::move(datagrams), std::move(rename), std::move(first));
}

}  // namespace muxpro::proxy
