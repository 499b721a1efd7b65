#include <muxpro/proxy/inbound.hpp>

#include <asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace muxpro::proxy {

void inbound::start(std::shared_ptr<connection> c, context ctx, dispatcher& to, admission::ticket place,
                    std::shared_ptr<const void> owner) const {
  const asio::any_io_executor executor = c->get_executor();
  asio::awaitable<void> served = serve(c, std::move(ctx), to, std::move(place));
  asio::co_spawn(executor, std::move(served), [c, owner](std::exception_ptr) {});
}

bool inbound::admit_datagrams(context&) const { return false; }
std::shared_ptr<sealed_datagrams> inbound::open_datagrams() const { return nullptr; }

bytes pending_client::room(std::size_t most) {
  constexpr std::size_t usual = 1024;
  const std::size_t had = buffered_.size();
  buffered_.resize(std::min(std::max(2 * had, usual), std::max(had, most)));
  return bytes(buffered_).subspan(had);
}

bool pending_client::read_available(std::size_t most) {
  const bytes into = room(most);
  const std::size_t n = into.empty() ? 0 : c->read_now(into);
  buffered_.resize(buffered_.size() - into.size() + n);
  return n > 0;
}

asio::awaitable<void> pending_client::read_more(std::size_t most, std::error_code& ec) {
  const bytes into = room(most);
  std::size_t n = 0;
  if (into.empty())
    ec = asio::error::message_size;
  else
    n = co_await c->read_some(asio::buffer(into.data(), into.size()), ec);
  buffered_.resize(buffered_.size() - into.size() + n);
}

}  // namespace muxpro::proxy
