// A server of XHTTP, whatever version of HTTP its requests come by. Ring 4.
#pragma once

#include "proxy/transport/served_connections.hpp"
#include "proxy/transport/xhttp_upload.hpp"
#include "proxy/xhttp/request.hpp"

#include <muxpro/proxy/transport.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// A request that was not answered yet. Belongs to the strand of its connection.
class xhttp_call {
 public:
  explicit xhttp_call(http_request r) : request(std::move(r)) {}
  virtual ~xhttp_call() = default;
  virtual void refuse(unsigned status, std::vector<http_field> fields) = 0;
  /// Answers 200. The connection reads the body of the request, and writes that of the answer. `gone` is
  /// called when the client leaves before the end of the answer. It may be empty.
  virtual std::shared_ptr<connection> accept(std::vector<http_field> fields, std::function<void()> gone) = 0;
  /// The head of the answer goes at once. Completes when it was written.
  /// Errors: those of the connection.
  /// Cancellation (terminal): operation_aborted.
  virtual asio::awaitable<void> begin(std::error_code&) { co_return; }

  const http_request request;
};

/// The sessions of a server by their names. Any thread.
class xhttp_sessions {
 public:
  /// Those that wait for their download, after which there are no further ones.
  static constexpr std::size_t most_waiting = 4096;
  /// Those that are remembered after their end, some 100 bytes each: 2,000 ends a second.
  static constexpr std::size_t most_removed = 65'536;

  explicit xhttp_sessions(std::size_t waiting_posts);
  /// For a request with an upload. Returns null if too many wait. A session that was removed is over for a
  /// while, since requests may overtake the end of its download.
  std::shared_ptr<xhttp_upload> get(const std::string& name);
  /// For a download, until remove(). Returns null if there is another one.
  std::shared_ptr<xhttp_upload> begin(const std::string& name);
  void remove(const std::string& name);

 private:
  using by_name = std::unordered_map<std::string, std::shared_ptr<xhttp_upload>>;
  void forget_old(time_point now);

  const std::size_t waiting_posts_;
  const std::shared_ptr<xhttp_upload> ended_upload_;  ///< of removed sessions
  std::mutex mutex_;
  by_name waiting_, begun_;
  std::unordered_map<std::string, time_point> removed_;  ///< remembered until then
  time_point next_look_{};
};

/// Any thread.
class xhttp_server {
 public:
  explicit xhttp_server(const xhttp_options& o) : options_(o), sessions_(o.waiting_posts) {}

  /// What serves the requests of one connection.
  struct place {
    place(std::shared_ptr<served_connections> w, transport::server s, std::shared_ptr<connection> b)
        : work(std::move(w)), serve(std::move(s)), below(std::move(b)) {}
    std::shared_ptr<served_connections> work;
    transport::server serve;
    std::shared_ptr<connection> below;
  };
  /// Answers, and serves a connection if the request carries one. Returns false if the client asks for
  /// another host or path. The server outlives `at.work`.
  bool take(std::shared_ptr<xhttp_call> call, const place& at);

 private:
  using call_ptr = std::shared_ptr<xhttp_call>;
  void take(const call_ptr& call, xhttp_verdict v, const place& at);
  void take_both(const call_ptr& call, std::vector<http_field> fields, const place& at);
  void take_download(const call_ptr& call, std::vector<http_field> fields, const place& at,
                     const std::string& session);
  void take_upload(const call_ptr& call, std::vector<http_field> fields, const place& at,
                   const std::string& session);
  void take_post(const call_ptr& call, std::vector<http_field> fields, const place& at, xhttp_verdict v);
  void serve(const call_ptr& call, std::shared_ptr<connection> c, const place& at,
             std::function<void()> then);

  const xhttp_options options_;
  xhttp_sessions sessions_;
};

}  // namespace muxpro::proxy
