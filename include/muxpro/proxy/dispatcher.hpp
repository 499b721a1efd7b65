// Between inbounds and outbounds: a link for each connection, and the outbound that its rules choose. Ring 4.
#pragma once

#include <muxpro/proxy/fake_dns.hpp>
#include <muxpro/proxy/live_connection.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/outbound.hpp>

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// What the rules say of a connection.
struct outbound_choice {
  outbound_choice() = default;
  outbound_choice(std::string t, std::optional<std::uint8_t> p = {}) : tag(std::move(t)), priority(p) {}

  std::string tag;                       ///< of an outbound; empty: the default one
  std::optional<std::uint8_t> priority;  ///< among sub-streams; nothing: what the client has said
};

/// One object for each thread.
class dispatcher {
 public:
  /// An exception refuses the connection.
  using choose_outbound = std::function<asio::awaitable<outbound_choice>(const context&)>;
  /// A connection has ended.
  using observer = std::function<void(const context&, const carried&, duration)>;

  explicit dispatcher(asio::any_io_executor executor);
  ~dispatcher();

  /// The first one is the default. The tag must not have been given before.
  void add(std::string tag, std::shared_ptr<outbound> o);
  /// For connections from now on that have no outbound yet; see by_rules().
  void route_by(choose_outbound c) { choose_ = std::make_shared<const choose_outbound>(std::move(c)); }
  /// Names of the addresses that a FakeDNS has given out, for connections whose inbound sniffs.
  void know_fakes(std::shared_ptr<fake_dns> f) { fakes_ = std::move(f); }
  void observe_by(observer o) { ended_ = std::move(o); }
  /// For connections from now on. All dispatchers of a proxy share it.
  void count_in(std::shared_ptr<stats> s) { counts_ = std::move(s); }
  /// Bytes that a link holds, each way, where its context does not say.
  void link_capacity(std::size_t bytes) { capacity_ = bytes; }
  std::size_t link_capacity(const context& c) const noexcept {
    return c.inbound.link_capacity ? c.inbound.link_capacity : capacity_;
  }
  asio::any_io_executor get_executor() const { return executor_; }

  /// Takes the connection on and returns its link at once; then its content is learnt, its outbound chosen
  /// and run. A tag without an outbound refuses it: rules that name one must not send its connections
  /// elsewhere.
  inbound_link dispatch(context c, client_side client = client_side::pipe);
  /// The same for the datagrams of a client's socket. Destroying the stream gives them up.
  std::unique_ptr<datagram_stream> dispatch_datagrams(context c);

  void drain();
  void close();
  std::size_t live() const noexcept { return connections_->size(); }
  /// Oldest first, with their counters brought up to date.
  template <class Visit>
  void each_live(Visit visit) {
    for (live_connection* c : *connections_) {
      c->count();
      visit(std::as_const(*c));
    }
  }
  const std::map<std::string, std::shared_ptr<outbound>>& outbounds() const noexcept { return outbounds_; }

 private:
  template <class Link>
  asio::awaitable<void> carry(std::unique_ptr<live_connection> c, Link link);
  asio::awaitable<carried> run(live_connection& c, outbound_link link);
  asio::awaitable<carried> learn_and_go(live_connection& c, outbound_link link);
  asio::awaitable<carried> go(live_connection& c, outbound_link link);
  asio::awaitable<carried> run(live_connection& c, std::unique_ptr<datagram_stream> datagrams);
  bool must_choose(const context& about) const noexcept { return choose_ && about.outbound.tag.empty(); }
  asio::awaitable<void> choose(context& about) const;
  /// False: there is none with that tag.
  bool find_carrier(live_connection& c) const;

  const asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<outbound>> outbounds_;
  std::string default_;
  std::shared_ptr<const choose_outbound> choose_;
  std::shared_ptr<fake_dns> fakes_;
  observer ended_;
  std::shared_ptr<stats> counts_;
  const std::shared_ptr<live_connection::list> connections_ = std::make_shared<live_connection::list>();
  std::size_t capacity_ = 64 * 1024;
};

}  // namespace muxpro::proxy
