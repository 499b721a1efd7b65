// The look-ups of one resolver on one execution context. Ring 4.
#pragma once

#include "proxy/dial/name_search.hpp"
#include "proxy/dial/shared_names.hpp"
#include "proxy/names/query_scheduler.hpp"

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// One look-up of final names, of which the first that exists is the answer.
struct name_request {
  name_request(std::shared_ptr<shared_names> k, std::string a, std::vector<std::string> n,
               asio::any_io_executor e, resolver::name_check check, resolver::handler d)
      : known(std::move(k)),
        asker(std::move(a)),
        names(std::move(n)),
        executor(std::move(e)),
        may_ask(std::move(check)),
        done(std::move(d)) {}

  const std::shared_ptr<shared_names> known;
  const std::string asker;
  const std::vector<std::string> names;
  const asio::any_io_executor executor;
  const resolver::name_check may_ask;
  resolver::handler done;  ///< empty if answered or given up, on the executor alone
  std::size_t next = 0;    ///< the name that is asked for
  query_scheduler::ticket ticket = 0;
  std::error_code error;
  resolver::addresses found;
};
using name_requests = std::vector<std::shared_ptr<name_request>>;

/// Calls request.done on its executor, with what the request has by now.
void answer(const std::shared_ptr<name_request>& request);

class resolver_backend : public std::enable_shared_from_this<resolver_backend> {
 public:
  resolver_backend(asio::any_io_executor executor, const std::shared_ptr<shared_names>& known)
      : executor_(std::move(executor)), known_(known) {}

  /// The backend of a resolver on the executor's context, which ends with the context.
  static std::shared_ptr<resolver_backend> of(const asio::any_io_executor& executor,
                                              const std::shared_ptr<shared_names>& known);

  void ask(const std::shared_ptr<name_request>& request);
  /// Frees its place at once. The query ends if no other look-up waits for it.
  void give_up(name_request& request) noexcept;
  /// Called when its context is destroyed. Drops everything.
  void context_destroyed() noexcept;
  /// Whether its resolver and all look-ups are gone.
  bool is_useless() const noexcept { return known_.expired(); }
  bool is_of(const std::shared_ptr<shared_names>& known) const noexcept {
    return !known_.owner_before(known) && !known.owner_before(known_);
  }

 private:
  /// Whether the request is answered.
  bool advance(const std::shared_ptr<name_request>& request);
  bool take(name_request& request, name_answer answer);
  void start_queries(name_requests& answered);
  void start(const std::shared_ptr<shared_names>& known, const std::string& name, name_requests& answered);
  void search(const std::shared_ptr<shared_names>& known, const std::string& name, name_requests& answered);
  void refresh(const name_request& stale);
  void happened(name_search& s, name_query& q, int readable, int writable);
  void finish(name_search& s, name_requests& answered);
  void finish(const std::string& name, const name_answer& answer, name_requests& answered);
  void count() noexcept;

  const asio::any_io_executor executor_;
  const std::weak_ptr<shared_names> known_;
  std::mutex mutex_;
  bool gone_ = false;
  query_scheduler turns_;
  std::unordered_map<query_scheduler::ticket, std::shared_ptr<name_request>> requests_;
  std::map<std::string, std::shared_ptr<name_search>> searches_;
  std::size_t counted_under_way_ = 0, counted_waiting_ = 0;
};

}  // namespace muxpro::proxy
