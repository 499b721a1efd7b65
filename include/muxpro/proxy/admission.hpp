// admission, which limits how many connections wait for the end of their negotiation, in all and of one
// source. Ring 4, a rule. Thread-safe.
#pragma once

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace muxpro::proxy {

/// A source is an IPv4 address or the /64 of an IPv6 address.
class admission : public std::enable_shared_from_this<admission> {
  struct place;
  /// The places of a source, the oldest one first.
  using places = std::list<std::shared_ptr<place>>;
  struct place {
    asio::ip::address source;
    std::uint64_t number = 0;
    places::iterator position;
    bool evicted = false;
    std::function<void()> evict;
  };

 public:
  /// Holds a place until it is destroyed.
  class ticket {
   public:
    ticket() noexcept = default;
    ticket(ticket&&) noexcept = default;
    ticket& operator=(ticket&& other) noexcept {
      release();
      owner_ = std::move(other.owner_);
      place_ = std::move(other.place_);
      return *this;
    }
    ~ticket() { release(); }
    void release() noexcept {
      if (owner_) std::exchange(owner_, nullptr)->leave(std::exchange(place_, nullptr));
    }
    /// Moves the slot to `source`, the address that a trusted proxy has named. Returns false, and keeps the
    /// slot, if that source has no slot left. on_eviction() has to be called again.
    bool move_to(const asio::ip::address& source) {
      if (!owner_) return true;
      auto other = owner_->enter(source);
      if (other) *this = std::move(*other);
      return other.has_value();
    }
    /// `evict` closes the connection if its place goes to a newer one. Any thread may call it, once. It is
    /// called at once if the place is gone already.
    void on_eviction(std::function<void()> evict);
    /// Expires when the ticket is released.
    std::weak_ptr<const void> watch() const noexcept { return place_; }

   private:
    friend class admission;
    ticket(std::shared_ptr<admission> owner, std::shared_ptr<place> held) noexcept
        : owner_(std::move(owner)), place_(std::move(held)) {}
    std::shared_ptr<admission> owner_;
    std::shared_ptr<place> place_;
  };

  admission(std::uint32_t in_all, std::uint32_t per_source) noexcept
      : in_all_(in_all), per_source_(per_source) {}

  /// Returns nothing if the source has all its places. If all places are taken, it evicts the oldest place of
  /// the source that has the most, and throws what that eviction throws. Unix sockets have no source, so only
  /// the limit for all applies.
  std::optional<ticket> enter(const asio::ip::address& source);
  std::uint32_t inside() const {
    const std::lock_guard lock(mutex_);
    return inside_;
  }

 private:
  /// Orders sources by their number of places. Of equal ones, the last has the oldest place.
  using rank = std::tuple<std::size_t, std::uint64_t, asio::ip::address>;

  static rank rank_of(const places& p) { return {p.size(), ~p.front()->number, p.front()->source}; }
  void add(const std::shared_ptr<place>& p);
  void move_rank(const rank& before, const places& now) noexcept;
  void leave(std::shared_ptr<place> p) noexcept;
  void remove(place& p) noexcept;
  std::function<void()> evict_oldest_of_fullest();

  const std::uint32_t in_all_, per_source_;
  mutable std::mutex mutex_;
  std::uint32_t inside_ = 0;
  std::uint64_t last_number_ = 0;
  std::map<asio::ip::address, places> sources_;
  std::set<rank> ranks_;
};

}  // namespace muxpro::proxy
