// One query of c-ares, with its sockets and its time on an executor. Ring 4.
#pragma once

#include "proxy/dial/system_names.hpp"
#include "proxy/names/name_answer.hpp"

#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

struct ares_addrinfo;
struct ares_channeldata;

namespace muxpro::proxy {

/// A channel of its own for each query: c-ares 1.18 cancels all queries of a channel or none, and a channel
/// whose query has ended has no socket, so no two queries share a port that a forger could guess.
class ares_query : public std::enable_shared_from_this<ares_query> {
 public:
  /// Something has happened to a query: process() is to be called with the same numbers. Called on the
  /// executor.
  using event = std::function<void(ares_query&, int readable, int writable)>;

  /// `turn`: how many servers were asked for the name before.
  ares_query(std::string name, std::size_t turn, asio::any_io_executor executor, event happened);
  ares_query(const ares_query&) = delete;
  ~ares_query();

  /// Once. Asks for IPv4 addresses, for IPv6 ones, or for both.
  void start(const dns_servers& servers, bool ipv4, bool ipv6);
  const std::string& name() const noexcept { return name_; }
  std::size_t turn() const noexcept { return turn_; }
  /// Descriptors, or -1.
  void process(int readable, int writable);
  /// Whether the answer is there.
  bool over() const noexcept { return over_; }
  name_answer take_answer() { return std::move(answer_); }
  duration ttl() const noexcept { return ttl_; }
  /// Ends it without an answer, closes its sockets. Events that are under way may still come.
  void close() noexcept;

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

  const std::string name_;
  const std::size_t turn_;
  const asio::any_io_executor executor_;
  const event happened_;
  counted_timer timer_;
  time_point deadline_;
  std::map<int, std::shared_ptr<watched>> sockets_;
  ares_channeldata* channel_ = nullptr;
  bool over_ = false;
  name_answer answer_;
  duration ttl_{};
};

}  // namespace muxpro::proxy
