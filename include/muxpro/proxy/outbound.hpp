// The last stage: it takes a connection to its target. Ring 4.
#pragma once

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/link.hpp>
#include <muxpro/stats.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// How a connection went.
struct carried {
  std::uint64_t up = 0;          ///< bytes that the target has taken
  std::uint64_t down = 0;        ///< bytes that the client's side has taken
  std::uint16_t sub_stream = 0;  ///< its id, where the outbound multiplexes
  std::error_code why;           ///< none: EOF both ways
};

/// One object for each thread. Derive from it for a protocol of your own.
class outbound {
 public:
  virtual ~outbound() = default;

  /// Takes `link` to context.outbound.target: tells link.target() once whether the target is there, sends
  /// link.first_data, then relays until both directions have ended. Ends soon after the inbound has given up;
  /// nothing else cancels it. An exception ends the connection as well: std::system_error with its code, any
  /// other with end_code::resources.
  virtual asio::awaitable<carried> carry(context c, outbound_link link) = 0;
  /// Datagrams of one client's socket, until either side ends; context.outbound.target is where the first one
  /// goes, and each has its own address. The stream counts their bytes. Exceptions as in carry(). Without one
  /// of its own, an outbound refuses them.
  virtual asio::awaitable<carried> carry_datagrams(context c, std::unique_ptr<datagram_stream> datagrams);
  /// Connections that it carries now, for balancers.
  std::size_t live() const noexcept { return live_; }
  /// What its main connections have seen, where it has any.
  virtual std::vector<session_stats> main_connections() const { return {}; }
  /// Opens nothing new.
  virtual void drain() {}
  /// Cuts what is left.
  virtual void close() {}

 protected:
  class counted {
   public:
    explicit counted(outbound& o) noexcept : o_(o) { ++o_.live_; }
    counted(const counted&) = delete;
    ~counted() { --o_.live_; }

   private:
    outbound& o_;
  };

 private:
  std::size_t live_ = 0;
};

}  // namespace muxpro::proxy
