// Names to addresses by the system's resolver, on threads of its own. Ring 4.
#pragma once

#include <muxpro/error.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/ip/address.hpp>
#include <asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// Shared by all threads. Asio's own resolver has one thread for a whole process: one slow name would hold up
/// all others.
class resolver {
 public:
  using addresses = std::vector<asio::ip::address>;
  using handler = std::function<void(std::error_code, addresses)>;

  explicit resolver(std::size_t threads = 16) : pool_(threads) {}
  ~resolver() { stop(); }
  /// Waits for the queries under way, not for those that have not begun. To be called before an executor that
  /// was given to resolve() goes.
  void stop() {
    pool_.stop();
    pool_.join();
  }

  /// Answers `name` from now on without a query. Only before the first resolve().
  void pin(std::string_view name, addresses answer);

  /// Calls `done` on `executor`, in the resolver's order of preference, without duplicates; never inside
  /// resolve(), and not at all if stop() comes before its query. Errors, without an address:
  /// asio::error::host_not_found, whatever the system's reason, or if the pinned answer is empty; no_memory.
  /// There is no way to stop getaddrinfo(): who gives up ignores the call. Keeps the executor's context at
  /// work until then.
  void resolve(std::string name, asio::any_io_executor executor, handler done);

 private:
  std::map<std::string, addresses> pinned_;
  asio::thread_pool pool_;
};

}  // namespace muxpro::proxy
