// registry, which maps names in configuration files to protocols and layers of transports. Ring 4.
#pragma once

#include <muxpro/client_pool_options.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/relay_options.hpp>

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asio {
class io_context;
}

namespace muxpro::proxy {

class accounts;
class dial_policy;
class geo_files;
class inbound;
class outbound;
class resolver;
class transport;
class transport_dialer;
class udp_nat;
struct dial_options;
struct nat_limits;

/// The parts of one kind, in the order in which they were added.
template <class Reader>
class named_readers {
 public:
  struct entry {
    std::string name;
    std::string meaning;  ///< for the reference of the configuration
    /// Reads the object of the configuration that belongs to the part. Opens no socket, and no file but a
    /// certificate that a note is about. Reports mistakes to the settings.
    Reader read;
  };

  /// Returns false if the name is taken.
  bool add(std::string name, std::string meaning, Reader read) {
    if (find(name)) return false;
    all_.push_back({std::move(name), std::move(meaning), std::move(read)});
    return true;
  }
  /// Ignores the case of `name`. Returns null if no entry has that name.
  const entry* find(std::string_view name) const {
    for (const entry& e : all_)
      if (same_word(e.name, name)) return &e;
    return nullptr;
  }
  const std::vector<entry>& all() const noexcept { return all_; }

 private:
  std::vector<entry> all_;
};

/// Timers and buffers of a level of users. V2Ray has 4, 300, 2, 5 s in its documentation and 60, 300, 1, 1 s
/// in its code. These defaults are the library's own. Each definition explains its value.
struct policy_level {
  std::uint32_t number = 0;
  duration handshake = std::chrono::seconds(10);
  relay_options relay;
  /// Datagrams that a user may send outside in a second. Without a value the limit of the outbound applies.
  std::optional<rate_limit> user_datagrams;
  /// Bytes that a link holds in each direction, a part of the buffer of its relays.
  std::size_t link_capacity() const noexcept { return relay.buffer / 4; }
  /// A user of this level.
  user_account user(std::string name = {}) const {
    return {std::move(name), number, user_datagrams, link_capacity(), nullptr, false};
  }
};

/// The level of an inbound, and those that its users may have.
struct inbound_policy : policy_level {
  std::function<const policy_level&(std::uint32_t level)> of;
};

/// An inbound that a configuration asks for.
struct inbound_plan {
  /// Makes it. Throws std::exception with one sentence.
  std::function<std::shared_ptr<const inbound>()> make;
  /// What was read, as the protocol's own type.
  std::any options;
  /// The accounts that may use the inbound. A reload changes them. Null if the protocol has no accounts.
  std::shared_ptr<accounts> users;
  /// The protocol asks every client for its account.
  bool authenticates = false;
  /// Every client reaches the same target.
  bool one_target = false;
  /// Its clients reach the targets that they had before they were redirected to it.
  bool original_target = false;
  /// Whether connections are sniffed where the configuration wants that.
  bool sniffs = true;
  /// What it listens for.
  bool tcp = true, udp = false;
  /// Its datagrams have no target without a transparent listener.
  bool datagrams_need_tproxy = false;
  /// Whether its connections carry datagrams in sub-streams, and whether they associate datagrams that go
  /// beside them, after a request such as UDP ASSOCIATE.
  bool carries_datagrams = false, associates = false;
};

/// What becomes of datagrams. The larger, the better.
enum class datagram_support : std::uint8_t {
  none,       ///< the outbound carries no UDP, so datagrams are dropped, counted and logged
  discarded,  ///< the outbound takes and drops them on purpose
  carried
};

/// The "mux" object, which configures main connections to a server.
struct mux_options {
  /// Limits the backoff, so that a server that comes back is found within 2 s, however long it was away,
  /// because clients are waiting.
  mux_options() { pool.backoff_max = std::chrono::seconds(1); }

  /// pool.session.speaks selects the multiplexer.
  client_pool_options pool;
  std::uint8_t priority = 0;  ///< of sub-streams whose priority neither a rule nor the client sets
  /// If false, only datagrams are multiplexed, and connections are not.
  bool streams = true;
  /// Datagrams have main connections of their own, with so many sub-streams at a time. If 0, they share the
  /// main connections of the connections. Without a value they go as the protocol carries them, without
  /// multiplexing.
  std::optional<std::uint32_t> datagrams = 0;
  /// QUIC, that is datagrams to port 443.
  enum class quic_handling : std::uint8_t { refused, as_others, without_mux } quic = quic_handling::as_others;
};

/// What an outbound is made with. It exists longer than the outbound.
class outbound_resources {
 public:
  virtual ~outbound_resources() = default;
  /// For outbound_plan::server, over the transport that the configuration names.
  virtual std::shared_ptr<transport_dialer> dialer() = 0;
  /// Of relays behind any inbound.
  virtual const relay_options& relay() const = 0;
  /// Set if the configuration enables multiplexing for this outbound.
  virtual const std::optional<mux_options>& mux() const = 0;
  /// Whether clients of this machine alone reach the inbounds.
  virtual bool local_only() const = 0;
  /// `own` with what the configuration has about sockets, for an outbound that dials targets itself, see
  /// outbound_plan::dials. Its family stays, unless that is dial_family::any.
  virtual dial_options dialing(dial_options own) const = 0;
  virtual resolver& names() = 0;
  virtual const dial_policy& policy(bool allow_private) const = 0;
  /// Outbounds that allow the same datagrams share one.
  virtual udp_nat& nat(bool allow_private, const nat_limits& limits, const dial_options& dial) = 0;
};

/// Makes an outbound for each thread.
using outbound_factory = std::function<std::shared_ptr<outbound>(asio::io_context&)>;

/// An outbound that a configuration asks for.
struct outbound_plan {
  enum class multiplexing : std::uint8_t { never, possible, always };

  /// Throws std::exception with one sentence.
  std::function<outbound_factory(outbound_resources&)> make;
  /// What was read, as the protocol's own type.
  std::any options;
  /// It dials targets itself, so that options of sockets are for these.
  bool dials = false;
  /// The reason if the configuration leaves it nothing to dial, so options of sockets have no effect. Empty
  /// if it can dial.
  std::string never_dials;
  /// The address that the transport connects to. Without a value the protocol has no server, so
  /// streamSettings are a mistake.
  std::optional<stream_address> server;
  /// Without multiplexing. With it datagrams are always carried.
  datagram_support datagrams = datagram_support::none;
  /// Datagrams go beside its connections, and not inside of them.
  bool datagrams_beside = false;
  multiplexing mux = multiplexing::never;
  /// It needs a security of the transport, and no carrier between that and the socket.
  bool needs_security_on_socket = false;
  /// The protocol does not encrypt. Without a security of the transport its contents are readable on the
  /// network.
  bool in_clear = false;
  /// A note to the operator about the configuration. Empty if there is no such note.
  std::string note;
  /// Adds what the configuration names of lists in files to `to`, which is this plan, before `make`. Throws
  /// std::invalid_argument with one sentence that begins with the key and " has '...'". Empty if the
  /// configuration names no lists.
  std::function<void(geo_files& geo, outbound_plan& to)> take_lists;
};

/// A layer of a transport that a configuration asks for.
struct transport_factory {
  /// Makes the layer and reads its files. Throws std::exception with one sentence. If the maker is empty or
  /// returns null, the connection goes on without this layer.
  using maker = std::function<std::shared_ptr<const transport>()>;

  transport_factory() = default;
  transport_factory(maker m, bool a = false) : make(std::move(m)), authenticates(a) {}

  maker make;
  /// Files that transport::reload() reads again. The proxy checks whether they change.
  std::vector<std::string> files;
  /// On a server, whether every connection begins with a header of the PROXY protocol.
  bool accepts_proxy_protocol = false;
  /// Sets the names, in lower case, of the fields whose presence lets a server's HTTP carrier trust
  /// X-Forwarded-For. Called before `make`. Empty if the carrier does not read HTTP.
  std::function<void(std::vector<std::string> fields)> trust;
  /// Gives a client's carrier that dials further connections the options of the outbound's sockets. Called
  /// before `make`. Empty if the carrier dials none.
  std::function<void(const socket_options& o)> share_socket;
  /// On a server, whether every client must authenticate.
  bool authenticates = false;
  /// For a carrier, the application protocol that a security below offers if its settings do not name one.
  /// For a security, the protocols that its settings name.
  std::vector<std::string> alpn;
  /// Checks whether a carrier can be used over the security below. Gets the name of that security, empty
  /// without one, and the protocols that it offers. Called before `make`. Returns the reason if it cannot be
  /// used, else an empty string.
  std::function<std::string(const std::string& security, const std::vector<std::string>& alpn)> stand_on;
  /// For a carrier, whether its servers accept streams of Mux.Cool.
  bool takes_mux_cool_streams = true;
  /// Whether its connections share one of the layer below anyway, so that Mux.Cool has no use.
  bool multiplexes = false;
  /// For a client's security, the server's name. A carrier above gets it in place of the server's host.
  std::string server_name;
  /// Gives a security the alpn of the carrier above. Called before `make`.
  std::function<void(const std::vector<std::string>& alpn)> offer;
};

/// A protocol or a layer of your own is one class and one registration:
///
///   class obfuscated : public transport { ... };
///   const bool known = registry::global().carriers.add("obfs", "...", [](settings& s, role side,
///   std::string) {
///     std::string password;
///     s.text("password", password);
///     return transport_factory([=] { return std::make_shared<const obfuscated>(side, password); });
///   });
struct registry {
  /// Reads "settings" of an inbound or an outbound.
  using inbound_reader = std::function<void(settings& s, const inbound_policy& policy, inbound_plan& to)>;
  using outbound_reader = std::function<void(settings& s, outbound_plan& to)>;
  /// Reads "NAMESettings" of streamSettings. `server` is the host that a client connects to, or empty.
  using transport_reader =
      std::function<transport_factory(settings& s, role side, const std::string& server)>;

  /// Returns the registry of this process, which contains all protocols and layers of muxpro. Add to it
  /// before the first thread starts.
  static registry& global();

  named_readers<inbound_reader> inbounds;
  named_readers<outbound_reader> outbounds;
  /// A connection goes through the security that streamSettings.security names, and then through the carrier
  /// that streamSettings.network names.
  named_readers<transport_reader> securities, carriers;
};

}  // namespace muxpro::proxy
