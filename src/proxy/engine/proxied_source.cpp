#include "proxy/engine/proxied_source.hpp"
#include "proxy/net/read_more.hpp"

#include <chrono>
#include <vector>

namespace muxpro::proxy {

namespace {

/// The protocol asks for 3 s at least, for a segment that is sent again (section 2).
constexpr duration header_time = std::chrono::seconds(5);

}  // namespace

asio::awaitable<std::optional<proxied_ends>> read_proxied_ends(std::shared_ptr<connection> c,
                                                               std::error_code& ec) {
  const deadline limit(c, header_time);
  std::vector<std::byte> received;
  proxy_header_step step = read_proxy_header(received);
  while (!ec && step.what == proxy_header_step::status::need_more) {
    co_await read_more(*c, received, step.missing, ec);
    if (!ec) step = read_proxy_header(received);
  }
  if (ec && limit.expired()) ec = asio::error::timed_out;
  if (step.what == proxy_header_step::status::broken) ec = proxy_header_errc::broken;
  co_return step.ends;
}

}  // namespace muxpro::proxy
