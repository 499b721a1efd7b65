// A question about a name to a server that the configuration names, by UDP, TCP or HTTPS, through the rules
// or past them. Ring 4.
#pragma once

#include "proxy/dial/name_query.hpp"
#include "proxy/dial/shared_names.hpp"
#include "proxy/names/dns_exchange.hpp"

#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>

namespace muxpro::proxy {

class server_query final : public name_query {
 public:
  server_query(std::shared_ptr<shared_names> known, std::size_t server, const std::string& name,
               name_families wanted, asio::any_io_executor executor, event happened);

  void start() override;
  void process(int, int) override;
  void close() noexcept override;
  /// What is under way goes with the context.
  void context_destroyed() noexcept override { finished_ = true; }

 private:
  std::shared_ptr<server_query> self() { return std::static_pointer_cast<server_query>(shared_from_this()); }
  asio::awaitable<void> run(std::shared_ptr<server_query> self);
  void watch_time();
  void stop();

  const std::shared_ptr<shared_names> known_;
  const std::size_t server_;
  const asio::any_io_executor executor_;
  const std::shared_ptr<dns_exchange> exchange_;
  counted_timer timer_;
  asio::cancellation_signal stop_;
  bool running_ = false;
};

}  // namespace muxpro::proxy
