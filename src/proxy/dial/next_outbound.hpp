// Another outbound of the proxy, through which an outbound makes its connections. Ring 4.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/registry.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/execution_context.hpp>

#include <map>
#include <memory>
#include <string>
#include <system_error>

namespace muxpro::proxy {

class dispatcher;

/// The dispatchers of a proxy's threads.
class dispatchers {
 public:
  /// Before the first thread. `d` must outlive what uses it.
  void add(dispatcher& d);
  /// That of the thread whose executor it is.
  dispatcher& of(const asio::any_io_executor& executor) const { return *all_.at(key(executor)); }

 private:
  static const asio::execution_context* key(const asio::any_io_executor& executor);

  std::map<const asio::execution_context*, dispatcher*> all_;
};

/// Its connections have no inbound, so that the tag of one in their contexts is empty. Shared by all threads.
class next_outbound {
 public:
  /// `tag` is that of an outbound of each dispatcher. `support` is what that outbound does with datagrams.
  next_outbound(std::string tag, datagram_support support, std::shared_ptr<const dispatchers> threads)
      : tag_(std::move(tag)), support_(support), threads_(std::move(threads)) {}

  datagram_support support_for_datagrams() const noexcept { return support_; }
  /// Makes a connection to `target`. Returns null and sets `ec` if it fails.
  /// Completes when the outbound has reached the target, or at once if its protocol does not report that.
  /// Errors: why the outbound has not reached the target.
  /// Cancellation (terminal): operation_aborted, by `stop` if that is connected.
  asio::awaitable<std::shared_ptr<connection>> connect(destination target, std::error_code& ec,
                                                       asio::cancellation_slot stop = {}) const;
  /// Makes a stream of datagrams, all of which go to `target`, and come from there. Completes at once.
  /// Errors: none. The stream ends with them. Cancellation: not supported.
  asio::awaitable<std::unique_ptr<datagram_stream>> exchange(host_port target) const;
  /// Carries `datagrams` of a client in place of the outbound that has got them from its dispatcher with
  /// `ctx`.
  /// Completes when the association has ended.
  /// Errors: as dispatcher::dispatch_datagrams().
  /// Cancellation: not supported. The caller ends the stream.
  asio::awaitable<void> carry_datagrams(context ctx, std::unique_ptr<datagram_stream> datagrams) const;

 private:
  context to_target(destination target) const;

  const std::string tag_;
  const datagram_support support_;
  const std::shared_ptr<const dispatchers> threads_;
};

}  // namespace muxpro::proxy
