#include <muxpro/proxy/link.hpp>

#include "or_error.hpp"

namespace muxpro::proxy {

asio::awaitable<std::error_code> word::wait() {
  std::error_code ec;
  co_await known_.async_acquire(1, or_error(ec));
  if (ec) co_return ec;
  co_return ec_;
}

std::pair<inbound_link, outbound_link> make_link(const asio::any_io_executor& executor,
                                                 std::size_t capacity) {
  auto [in, out] = make_pipe(executor, capacity);
  const auto target = std::make_shared<outcome>(executor);
  return {inbound_link(std::move(in), target), outbound_link(std::move(out), target)};
}

}  // namespace muxpro::proxy
