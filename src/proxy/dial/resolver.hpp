// Names to addresses by c-ares, on the thread that asks. Ring 4.
#pragma once

#include "proxy/dial/system_names.hpp"
#include "proxy/names/name_rules.hpp"

#include <muxpro/error.hpp>
#include <muxpro/proxy/report.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/ip/address.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class dispatcher;
class resolver_backend;
struct name_request;
struct shared_names;

/// All threads share pinned answers and a cache. Each thread makes its own queries, 128 at a time and 32 of
/// one user. Further ones wait for their user's turn. Look-ups of one name share a query. A query to the
/// servers of this machine ends after 5 s, one to another server after its own time.
class resolver {
 public:
  using addresses = std::vector<asio::ip::address>;
  using handler = std::function<void(std::error_code, addresses)>;
  /// Whether a server may be asked for a name. It is in lower case, and completed.
  using name_check = std::function<bool(std::string_view)>;

  explicit resolver(name_sources from = {});
  /// Another handle of the same.
  explicit resolver(std::shared_ptr<shared_names> shared) : shared_(std::move(shared)) {}
  ~resolver();

  const std::shared_ptr<shared_names>& shared() const noexcept { return shared_; }
  /// Takes hosts and servers of a configuration. Only before the first resolve(). Throws std::runtime_error
  /// with one sentence about a file of TLS.
  void use(std::shared_ptr<const name_rules> rules);
  /// Queries of its thread to servers go there, unless they are `local`. Without a dispatcher all are local,
  /// and servers of UDP have no answer. It must outlive the thread.
  void send_by(dispatcher& to);
  /// Connections to servers that wait for further queries end. Any thread.
  void drain();
  /// Answers `name` from now on without a query. Only before the first resolve().
  void pin(std::string_view name, addresses answer);

  /// A look-up that is given up when it goes, on its executor.
  class look_up {
   public:
    look_up() = default;
    look_up(std::weak_ptr<resolver_backend> backend, std::shared_ptr<name_request> request);
    look_up(look_up&&) = default;
    look_up& operator=(look_up&&) = delete;
    ~look_up();

   private:
    std::weak_ptr<resolver_backend> backend_;
    std::shared_ptr<name_request> request_;
  };

  /// Calls `done` on `executor` unless the result goes first, in the order in which addresses are to be
  /// dialled, without duplicates. Never calls it inside resolve(). `asker` is the share whose place the
  /// look-up takes. Errors without an address: asio::error::host_not_found, also if the pinned answer is
  /// empty, no_data if the name exists, host_not_found_try_again if no server answers, no_recovery if there
  /// is no server, or c-ares cannot be used, errc::target_rejected if `may_ask` refuses a completed name,
  /// no_buffer_space if too many look-ups of the asker wait. If the executor's context is destroyed first,
  /// `done` is not called.
  [[nodiscard]] look_up resolve(std::string_view name, std::string asker, asio::any_io_executor executor,
                                name_check may_ask, handler done);

  /// The response code that "hosts" have for a name.
  std::optional<unsigned> rcode_of(std::string_view name) const;
  /// Whether a client's query for the name is FakeDNS's.
  name_rules::fakes_use fakes_for(std::string_view name) const;

  name_counts counts() const;

 private:
  const std::shared_ptr<shared_names> shared_;
};

}  // namespace muxpro::proxy
