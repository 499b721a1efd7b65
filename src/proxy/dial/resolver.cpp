#include "proxy/policy/dial_policy.hpp"

#include "proxy/dial/resolver.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <utility>

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

/// A name on its way to an answer. An exception would end the thread, and the process with it.
class asked : public std::enable_shared_from_this<asked> {
 public:
  asked(std::string name, asio::any_io_executor executor, resolver::handler done)
      : name_(std::move(name)), executor_(std::move(executor)), done_(std::move(done)) {}

  void ask() noexcept {
    try {
      found_ = ask_system(name_, ec_);
    } catch (const std::bad_alloc&) {
      ec_ = asio::error::no_memory;
    }
    // Whoever has asked waits, and may have no limit for that.
    for (int patience = 100; patience > 0 && !answers(); --patience)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

 private:
  bool answers() noexcept {
    try {
      asio::post(executor_, [self = shared_from_this()] {
        const auto done = std::move(self->done_);  // goes here, not on the thread of the query
        done(self->ec_, std::move(self->found_));
      });
      return true;
    } catch (...) {
      return false;
    }
  }

  const std::string name_;
  const asio::any_io_executor executor_;
  resolver::handler done_;
  std::error_code ec_;
  resolver::addresses found_;
};

}  // namespace

void resolver::pin(std::string_view name, addresses answer) { pinned_[normalized(name)] = std::move(answer); }

void resolver::resolve(std::string name, asio::any_io_executor executor, handler done) {
  executor = asio::prefer(executor, asio::execution::outstanding_work.tracked);
  if (const auto found = pinned_.find(normalized(name)); found != pinned_.end()) {
    const std::error_code ec = found->second.empty() ? asio::error::host_not_found : std::error_code();
    asio::post(executor, [done = std::move(done), ec, answer = found->second] { done(ec, answer); });
    return;
  }
  const auto a = std::make_shared<asked>(std::move(name), std::move(executor), std::move(done));
  asio::post(pool_, [a] { a->ask(); });
}

}  // namespace muxpro::proxy
