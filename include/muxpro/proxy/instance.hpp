// instance, a running proxy with threads, listeners with their inbounds, and on each thread a dispatcher with
// its outbounds. Ring 4.
#pragma once

#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/report.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class datagram_drops;
class sniff_policy;

/// For the log of connections that have ended.
struct ended_connection {
  const context& ctx;
  const connection_result& how;
  const duration took;
  /// Makes the line on request, because not every connection is logged.
  std::string line(access_detail d = access_detail::full) const;
};

struct instance_options {
  /// Connections whose request was not read yet, of each listener and of one source. A source is an IPv4
  /// address or the /64 of an IPv6 address.
  std::uint32_t max_waiting = 4096;
  std::uint32_t max_waiting_per_source = 1024;
  /// From the accepted connection to the client's first byte, but for main connections.
  duration first_byte = std::chrono::seconds(3);
  /// How long accepting rests when descriptors or memory run out.
  duration accept_backoff = std::chrono::milliseconds(100);
  /// How long connections may stay open after drain(). Then they are cut.
  duration drain_timeout = std::chrono::seconds(30);
  /// Sources of one UDP port at a time, and how long each may be silent (RFC 4787 REQ-5: 2 min).
  std::size_t datagram_sources = 1024;
  duration datagram_idle = std::chrono::minutes(2);
  /// About one source address in a second. Further lines are counted.
  std::uint32_t log_lines = 10;
  /// The same for lines about connections that have ended, see access_log.
  std::uint32_t access_lines = default_access_lines;
  /// Counts datagrams that are dropped. If null, the instance makes an object of its own, which writes to the
  /// log.
  std::shared_ptr<datagram_drops> drops;
  /// Returns whether this process itself has dialled an accepted connection. Such a connection is a loop and
  /// is dropped. Any thread. If empty, loops are not dropped.
  std::function<bool(const context::inbound_part&)> is_own_dial;
  /// Called with each connection when its outbound has been chosen, on the connection's thread. May be empty.
  std::function<void(const context&)> chosen;
  /// Called with each connection that has ended, on the connection's thread. If empty, the line is logged at
  /// level info.
  std::function<void(const ended_connection&)> access;
};

class instance {
 public:
  /// Adds a thread's outbounds to its dispatcher. Called once for each thread, before it starts.
  using equip = std::function<void(dispatcher&, asio::io_context&)>;

  instance(instance_options options, std::size_t threads, const equip& outbounds, log_sink log);
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;
  /// Cuts everything.
  ~instance();

  /// Listens, and accepts from start() on. After start() it may be called on the executor of get_executor()
  /// only. `sniffing` sets how contents are sniffed, null disables that. `anonymous` is the user of a client
  /// until it is authenticated. Returns the address with the port that was chosen for port 0. Throws
  /// std::system_error.
  stream_endpoint listen(const stream_endpoint& at, std::string tag, std::shared_ptr<const inbound> i,
                         transport_options how = {}, std::shared_ptr<const sniff_policy> sniffing = {},
                         user_account anonymous = {});
  asio::ip::tcp::endpoint listen(const asio::ip::tcp::endpoint& at, std::string tag,
                                 std::shared_ptr<const inbound> i, transport_options how = {}) {
    return to_tcp(listen(stream_endpoint(at), std::move(tag), std::move(i), std::move(how)));
  }
  /// Like listen(), for datagrams. Each source is a connection of its own, whose target
  /// inbound::admit_datagrams() sets, and which ends when it is silent for instance_options::datagram_idle.
  /// One thread serves them all.
  /// With socket_options::transparent it gets datagrams to other addresses, by netfilter's TPROXY. The
  /// gateway in the inbound's context is such an address then.
  asio::ip::udp::endpoint listen_for_datagrams(const asio::ip::udp::endpoint& at, std::string tag,
                                               std::shared_ptr<const inbound> i,
                                               const socket_options& socket = {},
                                               std::shared_ptr<const sniff_policy> sniffing = {},
                                               user_account anonymous = {});
  /// Closes the listeners of that tag, also those for datagrams. Connections stay. On the executor of
  /// get_executor().
  void stop_listening(const std::string& tag);
  /// As report(), but fills instance_report::online only.
  asio::awaitable<instance_report> online();
  /// Any executor. The instance must outlive it.
  /// Completes when all threads have reported, or after 1 s with instance_report::complete unset.
  /// Errors: none.
  /// Cancellation (terminal): reports at once, without the threads that are missing.
  asio::awaitable<instance_report> report(std::size_t connections_of_thread);
  /// Live connections of an outbound, for the router's balancers. Any thread.
  std::size_t load(std::string_view outbound_tag) const;
  /// Calls `change` for the dispatcher of each thread, on that thread, soon. Any thread.
  void change(const std::function<void(dispatcher&)>& change);
  /// Of its first thread.
  asio::any_io_executor get_executor();
  void start();
  /// Accepts no more connections, except for monitors (inbound::is_monitor()). The instance ends when the
  /// last connection has ended, or after drain_timeout. Any thread, any number of times.
  void drain();
  /// Until a drain is over.
  void wait();
  /// The threads end at once, what they were at stays as it is until the destructor. The log gets what was
  /// left out of it so far.
  void stop();

 private:
  struct impl;

  const std::unique_ptr<impl> impl_;
};

}  // namespace muxpro::proxy
