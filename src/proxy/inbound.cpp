#include <muxpro/proxy/inbound.hpp>

#include <algorithm>
#include <array>

namespace muxpro::proxy {

bool inbound::admit_datagrams(context&) const { return false; }

bytes newcomer::room(std::size_t most) {
  constexpr std::size_t usual = 1024;
  const std::size_t had = said_.size();
  said_.resize(std::min(std::max(2 * had, usual), std::max(had, most)));
  return bytes(said_).subspan(had);
}

bool newcomer::hear_now(std::size_t most) {
  const bytes into = room(most);
  const std::size_t n = into.empty() ? 0 : c->read_now(into);
  said_.resize(said_.size() - into.size() + n);
  return n > 0;
}

asio::awaitable<void> newcomer::listen(std::size_t most, std::error_code& ec) {
  const bytes into = room(most);
  std::size_t n = 0;
  if (into.empty())
    ec = asio::error::message_size;
  else
    n = co_await c->read_some(asio::buffer(into.data(), into.size()), ec);
  said_.resize(said_.size() - into.size() + n);
}

asio::awaitable<void> say_farewell(std::shared_ptr<connection> c, const_bytes last_words) {
  const deadline limit(c, farewell_limit, &connection::close);
  std::error_code ec;
  if (!last_words.empty()) co_await c->write(asio::buffer(last_words.data(), last_words.size()), ec);
  if (ec) co_return;
  co_await c->finish();
  std::array<std::byte, 512> dropped;
  while (!ec) co_await c->read_some(asio::buffer(dropped), ec);
}

}  // namespace muxpro::proxy
