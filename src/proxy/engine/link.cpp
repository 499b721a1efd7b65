#include <muxpro/proxy/client.hpp>

namespace muxpro::proxy {

namespace {

relay_limits no_limits() {
  relay_limits o;
  o.idle = o.uplink_only = o.downlink_only = o.linger = duration::max();
  return o;
}

}  // namespace

void target_link::abandon() noexcept {
  if (promises_->far) promises_->far->abandon(asio::error::operation_aborted);
}

link_client::link_client(pipe_end s, std::shared_ptr<target_link::promises> p)
    : client(std::make_shared<connection_over<pipe_end>>(std::move(s)), no_limits()),
      promises_(std::move(p)) {
  promises_->far = this;
}

link_client::~link_client() {
  promises_->far = nullptr;
  promises_->target.set(asio::error::operation_aborted);
  promises_->end.set(asio::error::operation_aborted);
}

std::vector<std::byte> link_client::reply_to(std::error_code outcome) {
  promises_->target.set(outcome);
  return {};
}

std::pair<target_link, std::unique_ptr<link_client>> make_link(const asio::any_io_executor& executor,
                                                               std::size_t capacity) {
  auto [near, far] = make_pipe(executor, capacity);
  const auto promises = std::make_shared<target_link::promises>();
  auto other = std::make_unique<link_client>(std::move(far), promises);
  return {target_link(std::move(near), promises), std::move(other)};
}

}  // namespace muxpro::proxy
