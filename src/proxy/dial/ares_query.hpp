// One query of c-ares, with its sockets and its time on an executor. Ring 4.
#pragma once

#include "proxy/dial/name_query.hpp"
#include "proxy/dial/system_names.hpp"

#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>

struct ares_addrinfo;
struct ares_channeldata;

namespace muxpro::proxy {

/// Each query has a channel of its own, because c-ares 1.18 cancels only all queries of a channel, and a
/// channel whose query has ended has no socket, so no two queries share a port that a forger could guess.
class ares_query final : public name_query {
 public:
  ares_query(std::string name, dns_servers servers, name_families wanted, asio::any_io_executor executor,
             event happened);
  ~ares_query() override;

  void start() override;
  void process(int readable, int writable) override;
  void close() noexcept override;

 private:
  /// A socket of c-ares, which closes it.
  struct watched {
    explicit watched(const asio::any_io_executor& executor) : socket(executor) {}
    ~watched() { release(); }
    void release() noexcept;
    asio::posix::stream_descriptor socket;
    bool read = false, write = false;       ///< what c-ares waits for
    bool reading = false, writing = false;  ///< what is waited for
  };

  static void on_socket(void* self, int socket, int readable, int writable) noexcept;
  static void on_answer(void* self, int status, int timeouts, ares_addrinfo* found) noexcept;
  void watch(int socket, bool readable, bool writable);
  void wait(int socket, const std::shared_ptr<watched>& w);
  void take(const ares_addrinfo& found);
  void fail(name_answer::kind how = name_answer::kind::failed) noexcept;
  void go_on();
  void set_timer();

  std::shared_ptr<ares_query> self() { return std::static_pointer_cast<ares_query>(shared_from_this()); }

  const std::string name_;
  const dns_servers servers_;
  const name_families wanted_;
  const asio::any_io_executor executor_;
  counted_timer timer_;
  time_point deadline_;
  std::map<int, std::shared_ptr<watched>> sockets_;
  ares_channeldata* channel_ = nullptr;
};

}  // namespace muxpro::proxy
