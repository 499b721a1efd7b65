#include <muxpro/proxy/link.hpp>

namespace muxpro::proxy {

std::pair<inbound_link, outbound_link> make_link(const asio::any_io_executor& executor, std::size_t capacity,
                                                 client_side client) {
  auto [in, out] = make_pipe(executor, capacity);
  const auto target = std::make_shared<outcome>(client);
  return {inbound_link(std::move(in), target), outbound_link(std::move(out), target)};
}

}  // namespace muxpro::proxy
