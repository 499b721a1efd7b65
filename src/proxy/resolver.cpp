#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/resolver.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace muxpro::proxy {

namespace {

resolver::addresses ask_system(const std::string& name, std::error_code& ec) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0)
    return ec = asio::error::host_not_found, resolver::addresses();
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  resolver::addresses found;
  for (const addrinfo* i = list; i; i = i->ai_next) {
    asio::ip::tcp::endpoint e;
    if (i->ai_addrlen > e.capacity()) continue;
    std::memcpy(e.data(), i->ai_addr, i->ai_addrlen);
    if (std::find(found.begin(), found.end(), e.address()) == found.end()) found.push_back(e.address());
  }
  if (found.empty()) ec = asio::error::host_not_found;
  return found;
}

}  // namespace

void resolver::pin(std::string_view name, addresses answer) { pinned_[normalized(name)] = std::move(answer); }

void resolver::resolve(std::string name, asio::any_io_executor executor, handler done) {
  executor = asio::prefer(executor, asio::execution::outstanding_work.tracked);
  if (const auto found = pinned_.find(normalized(name)); found != pinned_.end()) {
    const std::error_code ec = found->second.empty() ? asio::error::host_not_found : std::error_code();
    asio::post(executor, [done = std::move(done), ec, answer = found->second] { done(ec, answer); });
    return;
  }
  asio::post(pool_,
             [name = std::move(name), executor = std::move(executor), done = std::move(done)]() mutable {
               std::error_code ec;
               addresses found = ask_system(name, ec);
               asio::post(executor, [done = std::move(done), ec, found = std::move(found)]() mutable {
                 done(ec, std::move(found));
               });
             });
}

}  // namespace muxpro::proxy
