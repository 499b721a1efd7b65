// dispatcher, the stage between inbounds and outbounds. Sniffs a connection and chooses its outbound by
// rules. Ring 4.
#pragma once

#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/outbound.hpp>

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class datagram_drops;
class fake_dns;
class kept_links;
class live_connection;
class main_connection;
class stats;

/// What the rules decide about a connection.
struct outbound_choice {
  outbound_choice() = default;
  outbound_choice(std::string t, std::optional<std::uint8_t> p = {}) : tag(std::move(t)), priority(p) {}

  std::string tag;                       ///< of an outbound, empty for the default one
  std::optional<std::uint8_t> priority;  ///< among sub-streams, empty for the client's own choice
};

/// One object for each thread.
class dispatcher {
 public:
  /// An exception refuses the connection.
  using choose_outbound = std::function<asio::awaitable<outbound_choice>(const context&)>;
  /// Returns the tags of the outbounds that datagrams from the inbound of a context can get to. If it is
  /// empty, only the default outbound is.
  using possible_outbounds = std::function<std::vector<std::string>(const context&)>;
  /// A connection has ended.
  using observer = std::function<void(const context&, const connection_result&, duration)>;

  explicit dispatcher(asio::any_io_executor executor);
  ~dispatcher();

  /// The first outbound is the default. Tags must be unique.
  void add(std::string tag, std::shared_ptr<outbound> o);
  /// What it carries stays. Further connections are refused where rules or the default lead to it, until
  /// there is another one with its tag. Behind a default that was removed the next one that is added is the
  /// default.
  void remove(const std::string& tag);
  /// Sets the function that chooses the outbound of further connections that have no outbound yet, see
  /// by_rules(). `by_content` is true if it uses protocols and attributes, so that connections are sniffed
  /// for it if their inbound sniffs. `possible` returns the outbounds that it may choose for datagrams. If it
  /// is empty, it may choose any.
  void route_by(choose_outbound c, bool by_content = true, possible_outbounds possible = {}) {
    choose_ = std::make_shared<const choose_outbound>(std::move(c));
    by_content_ = by_content;
    possible_ = std::move(possible);
  }
  /// Replaces addresses that the FakeDNS has given out by their names, for connections whose inbound sniffs.
  /// A connection to an address of its pools that has no name is refused with fake_dns_errc::unknown_address.
  void use_fake_dns(std::shared_ptr<fake_dns> f) { fakes_ = std::move(f); }
  void observe_by(observer o) { ended_ = std::move(o); }
  /// Sets a function that is called with each connection when its outbound has been chosen. May be empty.
  void announce_by(std::function<void(const context&)> a) { chosen_ = std::move(a); }
  /// Counts further connections in `s`. All dispatchers of a proxy share it.
  void count_in(std::shared_ptr<stats> s) { counts_ = std::move(s); }
  /// Counts dropped datagrams in `d`. Called before add(). All dispatchers of a proxy share it.
  void count_drops_in(std::shared_ptr<datagram_drops> d) { drops_ = std::move(d); }
  const std::shared_ptr<datagram_drops>& drops() const noexcept { return drops_; }
  const std::shared_ptr<stats>& counts() const noexcept { return counts_; }
  /// Writes a line about a client to the log of its proxy.
  using log_line_function =
      std::function<void(log_level, const asio::ip::address& source, const std::string& line)>;
  void set_log(log_line_function n) { note_ = std::move(n); }
  void note(log_level level, const asio::ip::address& source, const std::string& line) const {
    if (note_) note_(level, source, line);
  }
  /// The main connections that the inbounds of this thread serve now.
  const std::shared_ptr<std::list<main_connection*>>& main_connections() const noexcept {
    return main_connections_;
  }
  /// Sets how many bytes a link holds in each direction, unless user_account::link_capacity is set.
  void link_capacity(std::size_t bytes) { capacity_ = bytes; }
  std::size_t link_capacity(const context& ctx) const noexcept {
    return ctx.inbound.user.link_capacity ? ctx.inbound.user.link_capacity : capacity_;
  }
  asio::any_io_executor get_executor() const { return executor_; }

  /// Takes `c` to its target. Sniffs its content, chooses its outbound, and awaits that. A tag without an
  /// outbound refuses the connection, because rules that name one must not send it elsewhere. `ctx` must live
  /// until it completes.
  /// Completes when the client has got its reply, and the outbound has handed the connection over to a relay,
  /// which goes on by itself, or the connection has ended and was logged.
  /// Errors: the client gets them in its reply, and the observer in connection_result::why. Throws if the
  /// connection cannot be recorded, for example std::bad_alloc. The connection is cut then.
  /// Cancellation: not supported. The caller cuts the client's connection.
  asio::awaitable<void> dispatch(context&& ctx, std::unique_ptr<client> c);
  /// The same for a stage without a connection of its own. Returns a link to the target at once.
  target_link dispatch(context ctx);
  /// The same for the datagrams of a client's socket. Destroying the stream ends the association.
  std::unique_ptr<datagram_stream> dispatch_datagrams(context ctx);
  /// Like dispatch(), for a stream of datagrams, without a link in between.
  /// Completes when the association has ended and was logged.
  /// Errors: as dispatch().
  /// Cancellation: not supported. The caller ends the stream.
  asio::awaitable<void> dispatch_datagrams(context ctx, std::unique_ptr<datagram_stream> datagrams);
  /// The best support that datagrams of a client can get from the outbounds of its inbound's rules.
  datagram_support support_for_datagrams(const context& ctx) const;

  /// For an inbound that reads HTTP itself, and whose connections to targets carry several exchanges. An
  /// exchange is routed, then counted from count() to end(), over a link of open() or one that was kept.
  ///
  /// Applies FakeDNS and chooses the outbound, as dispatch() does. From then on `ctx` is not sniffed, and its
  /// tag is not empty.
  /// Completes when the rules have decided, which may need the addresses of a name.
  /// Errors: throws what the rules throw.
  /// Cancellation: as that of the function that route_by() was given.
  asio::awaitable<void> route(context& ctx) const;
  /// Returns a link for exchanges whose contexts have the same route. Its bytes are not counted.
  target_link open(context ctx);
  /// Returns a live connection, which ends when it is destroyed. Side a of `bytes` is the client.
  std::unique_ptr<live_connection> count(context ctx, std::shared_ptr<const relay_bytes> bytes);
  /// Reports to the observer that a connection has ended. Sets the bytes of `result`.
  void end(live_connection& live, connection_result result) const;
  const std::shared_ptr<kept_links>& kept() const noexcept { return kept_; }

  /// Ends the links that wait for another exchange.
  void drop_kept();
  void drain();
  void close();
  std::size_t live() const noexcept { return connections_->size(); }
  /// Oldest first.
  const std::list<live_connection*>& live_connections() const noexcept { return *connections_; }
  const std::map<std::string, std::shared_ptr<outbound>>& outbounds() const noexcept { return outbounds_; }

 private:
  asio::awaitable<connection_result> run(live_connection& live, client& c);
  asio::awaitable<connection_result> run(live_connection& live, std::unique_ptr<datagram_stream> datagrams);
  asio::awaitable<void> carry_link(context ctx, std::unique_ptr<link_client> c);
  asio::awaitable<void> carry_uncounted(context ctx, std::unique_ptr<link_client> c);
  bool must_choose(const context& ctx) const noexcept { return choose_ && ctx.outbound.tag.empty(); }
  asio::awaitable<void> choose(context& ctx) const;
  /// Returns false if no outbound has that tag.
  bool find_carrier(live_connection& live) const;
  /// Returns why the connection goes no further. Empty if it has an outbound.
  std::error_code obstacle(live_connection& live) const;
  void announce(const context& ctx) const {
    if (chosen_) chosen_(ctx);
  }
  std::error_code obstacle(const address& host) const;

  const asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<outbound>> outbounds_;
  std::string default_;
  std::shared_ptr<const choose_outbound> choose_;
  bool by_content_ = false;
  std::shared_ptr<fake_dns> fakes_;
  possible_outbounds possible_;
  observer ended_;
  std::function<void(const context&)> chosen_;
  std::shared_ptr<datagram_drops> drops_;
  std::shared_ptr<stats> counts_;
  log_line_function note_;
  const std::shared_ptr<std::list<main_connection*>> main_connections_ =
      std::make_shared<std::list<main_connection*>>();
  const std::shared_ptr<std::list<live_connection*>> connections_ =
      std::make_shared<std::list<live_connection*>>();
  const std::shared_ptr<kept_links> kept_;
  std::size_t capacity_ = 64 * 1024;
};

}  // namespace muxpro::proxy
