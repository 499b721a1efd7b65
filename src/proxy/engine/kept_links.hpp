// Links to targets that wait for another exchange.
#pragma once

#include <muxpro/one_shot.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/client.hpp>
#include <muxpro/timer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

struct kept_link_limits {
  std::size_t links = 256;
  std::size_t links_of_key = 8;  ///< browsers open 6 connections to a host
  /// How long one waits for the next exchange (Go: 90 s, nginx: 60 s). An origin that gives up sooner ends
  /// it.
  duration idle = std::chrono::seconds(30);
  /// The same once its owner has gone, for another connection of the same client that begins now.
  duration ownerless = std::chrono::seconds(1);
};

/// A link whose exchange is over, with what must hold for the next one.
struct kept_link {
  explicit kept_link(target_link l) noexcept : link(std::move(l)) {}

  target_link link;
  bool owner_only = false;  ///< its target takes all that comes over it for its owner's
};

/// Links that wait for another exchange. Exchanges with the same key may share a link, so the key must
/// contain all that distinguishes them. A link is dropped when its target ends it or sends bytes. Used on one
/// thread, in a shared_ptr.
class kept_links : public std::enable_shared_from_this<kept_links> {
 public:
  /// A connection of a client, by the id of its context.
  using owner = std::uint32_t;

  explicit kept_links(asio::any_io_executor executor, kept_link_limits limits = {})
      : limits_(limits), timer_(std::move(executor)) {}
  ~kept_links() { close(); }

  /// No exchange may be under way on it. Beyond a limit the link that has waited longest is ended.
  void put(std::string key, owner who, kept_link link);
  /// Returns the owner's last link, else another's last link that is not owner_only. Returns nothing without
  /// one.
  asio::awaitable<std::optional<kept_link>> take(std::string key, owner who);
  /// The owner's last one that is owner_only.
  asio::awaitable<std::optional<kept_link>> take_own(std::string key, owner who);
  /// The owner has gone.
  void leave(owner who);
  /// Ends all of them in good order, and all that are put from now on.
  void close();

  std::size_t size() const noexcept { return all_.size(); }
  void limits(const kept_link_limits& l) noexcept { limits_ = l; }

 private:
  struct entry;
  using list = std::list<std::shared_ptr<entry>>;  ///< the newest is the last

  template <class Fits>
  asio::awaitable<std::optional<kept_link>> take_last(Fits fits);
  void watch(const std::shared_ptr<entry>& e);
  void drop(const entry& e);
  void make_room(const std::string& key);
  void set_timer();
  void drop_overdue();

  kept_link_limits limits_;
  list all_;
  counted_timer timer_;
  bool armed_ = false, closed_ = false;
};

}  // namespace muxpro::proxy
