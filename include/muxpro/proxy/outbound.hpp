// outbound, the last stage, which takes a connection to its target. Ring 4.
#pragma once

#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/registry.hpp>
#include <muxpro/stats.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

class datagram_drops;

/// How a connection went. The dispatcher sets the bytes.
struct connection_result {
  std::uint64_t up = 0;          ///< bytes that the target has taken
  std::uint64_t down = 0;        ///< bytes that the client's side has taken
  std::uint16_t sub_stream = 0;  ///< its id, where the outbound multiplexes
  std::error_code why;           ///< no error after EOF in both directions
  const char* advice = nullptr;  ///< what the operator may change, for a line of level warning, or null
};

/// One object for each thread. Derive from it for a protocol of your own.
class outbound {
 public:
  outbound();
  virtual ~outbound();

  /// Takes `c` to ctx.outbound.target. Dials, calls c.answer(), then c.hand_over() or c.relay(). Both
  /// parameters outlive the call.
  /// Completes when `c` was handed over, or both directions have ended.
  /// Errors: connection_result::why. An exception ends the connection as well. The reason is the code of a
  /// std::system_error, and errc::out_of_room for any other exception. Cancellation: only that of the dial,
  /// soon after the client has given up, see client::on_abandoned().
  virtual asio::awaitable<connection_result> carry(const context& ctx, client& c) = 0;
  /// Awaits carry() and the relay that it has handed over.
  /// Completes when both directions have ended.
  /// Errors: as carry(). Cancellation: as carry().
  asio::awaitable<connection_result> carry_to_end(const context& ctx, client& c);
  /// Carries datagrams of one client's socket. ctx.outbound.target is where the first one goes. Each has its
  /// own address. The stream counts their bytes. The base class drops them as drop_reason::no_udp, and ends
  /// the stream as refused when no datagram has come for 1 s. Completes when either side has ended. Errors:
  /// as carry(). Cancellation: none. Ending the stream ends it.
  virtual asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                             std::unique_ptr<datagram_stream> datagrams);
  /// Overridden together with carry_datagrams(). A UDP ASSOCIATE is refused if the rules lead to no outbound
  /// that carries datagrams.
  virtual datagram_support support_for_datagrams() const noexcept { return datagram_support::none; }
  /// Sets what drops() returns. Called by dispatcher::add().
  virtual void count_drops_in(std::shared_ptr<datagram_drops> d) { drops_ = std::move(d); }
  /// The number of connections that it carries now, for balancers.
  std::size_t live() const noexcept { return live_; }
  /// The counters of its main connections.
  virtual std::vector<session_stats> main_connections() const { return {}; }
  /// Stops opening connections or sub-streams to the server.
  virtual void drain() {}
  /// Cuts what is left.
  virtual void close() {}

  /// One of live(), as long as it exists.
  class counted {
   public:
    explicit counted(outbound& o) noexcept : o_(o) { ++o_.live_; }
    counted(const counted&) = delete;
    ~counted() { --o_.live_; }

   private:
    outbound& o_;
  };

 protected:
  /// Counts datagrams that were dropped, and logs a line. `whose` is for example "outbound far".
  void drop(drop_reason why, std::string_view whose, std::uint64_t datagrams = 1) const noexcept;
  const std::shared_ptr<datagram_drops>& drops() const noexcept { return drops_; }

 private:
  std::shared_ptr<datagram_drops> drops_;
  std::size_t live_ = 0;
};

}  // namespace muxpro::proxy
