// datagram_listener, which takes datagrams of many sources on one port. Each source is a connection of its
// own.
#pragma once

#include "proxy/base/sealed_datagrams.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/udp/addressed_udp.hpp"

#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/inbound.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace muxpro::proxy {

struct datagram_listener_options {
  /// Sources at a time. Beyond it the one that was silent for longest is removed.
  std::size_t sources = 1024;
  /// Without a datagram (RFC 4787 REQ-5: 2 min).
  duration idle = std::chrono::minutes(2);
  /// If it is transparent, TPROXY sends it datagrams to other addresses. Such an address is the gateway in
  /// the context of the inbound, and the source of the answers. If that becomes the target, each further
  /// datagram has its own, too.
  socket_options socket;
  std::shared_ptr<const sniff_policy> sniffing;
  user_account anonymous;  ///< the user of a source
};

/// Lives on one thread. A client's datagrams to another address of this machine are another source, because
/// answers come from the address that was asked. Where an inbound opens packets, each client is a source.
class datagram_listener : public std::enable_shared_from_this<datagram_listener> {
 public:
  /// Binds. Throws std::system_error.
  datagram_listener(asio::io_context& io, const asio::ip::udp::endpoint& at, std::string tag,
                    std::shared_ptr<const inbound> serves, dispatcher& to, datagram_listener_options options);

  const std::string& tag() const noexcept { return tag_; }
  asio::ip::udp::endpoint local() const { return socket_.local_endpoint(); }
  void start();
  /// On its thread. Ends all sources.
  void close();
  std::size_t sources() const noexcept { return sources_.size(); }

 private:
  struct source;
  struct key {
    asio::ip::udp::endpoint from;
    asio::ip::address
        asked;  ///< of this machine, unspecified if the listener has only one or it is redirected
    bool redirected = false;
    std::uint64_t client = 0;  ///< sealed_source::number(), its addresses are left out if it moves
    friend bool operator<(const key& a, const key& b) {
      return std::tie(a.from, a.asked, a.redirected, a.client) <
             std::tie(b.from, b.asked, b.redirected, b.client);
    }
  };
  using order = std::list<key>;  ///< least recently active first

  asio::awaitable<void> run(std::shared_ptr<datagram_listener> self);
  asio::awaitable<void> take(const arrival& how, bytes packet);
  asio::awaitable<void> open(const arrival& how, bytes packet);
  asio::awaitable<void> forward(const arrival& how, const_bytes payload);
  asio::awaitable<void> pass_on(source& s, const_bytes payload, const host_port& target);
  std::shared_ptr<source> find(const key& who) const;
  std::shared_ptr<source> admit(const key& who, const arrival& how,
                                const sealed_datagrams::opened* packet = nullptr);
  context context_of(const key& who, const arrival& how) const;
  void drop_datagram(drop_reason why) const;
  void drop(const key& which);
  void drop_if_there(const std::shared_ptr<source>& s);
  bool is_of_this_machine(const asio::ip::address& a) const;
  bool is_redirected(const asio::ip::udp::endpoint& to) const;
  asio::awaitable<void> answer(source& s, asio::const_buffer data, const host_port& peer);
  static asio::awaitable<void> bring_answers(std::shared_ptr<datagram_listener> self,
                                             std::shared_ptr<source> s);

  asio::ip::udp::socket socket_;
  const std::string tag_;
  const std::shared_ptr<const inbound> serves_;
  const std::shared_ptr<sealed_datagrams> opens_;  ///< null if packets are datagrams
  dispatcher& to_;
  const datagram_listener_options options_;
  const std::vector<asio::ip::address> local_;
  std::map<key, std::shared_ptr<source>> sources_;
  order by_activity_;
};

}  // namespace muxpro::proxy
