#include <muxpro/proxy/inbound.hpp>

#include <algorithm>
#include <array>

namespace muxpro::proxy {

bool inbound::admit_datagrams(context&) const { return false; }

asio::awaitable<void> newcomer::listen(std::size_t most, std::error_code& ec) {
  constexpr std::size_t usual = 1024;
  const std::size_t had = said_.size();
  if (had >= most) {
    ec = asio::error::message_size;
    co_return;
  }
  said_.resize(std::min(std::max(2 * had, usual), most));
  const std::size_t n = co_await c->read_some(asio::buffer(said_) + had, ec);
  said_.resize(had + n);
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
