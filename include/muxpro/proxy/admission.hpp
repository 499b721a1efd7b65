// How many main connections may be in their negotiation, in all and of one source. Ring 4, a rule;
// thread-safe.
#pragma once

#include <asio/ip/address.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace muxpro::proxy {

class admission : public std::enable_shared_from_this<admission> {
 public:
  /// Holds a place until it is destroyed.
  class ticket {
   public:
    ticket() noexcept = default;
    ticket(ticket&&) noexcept = default;
    ticket& operator=(ticket&& other) noexcept {
      release();
      owner_ = std::move(other.owner_);
      source_ = other.source_;
      return *this;
    }
    ~ticket() { release(); }
    void release() noexcept {
      if (owner_) std::exchange(owner_, nullptr)->leave(source_);
    }

   private:
    friend class admission;
    ticket(std::shared_ptr<admission> owner, asio::ip::address source) noexcept
        : owner_(std::move(owner)), source_(std::move(source)) {}
    std::shared_ptr<admission> owner_;
    asio::ip::address source_;
  };

  admission(std::uint32_t in_all, std::uint32_t per_source) noexcept
      : in_all_(in_all), per_source_(per_source) {}

  /// Empty if there is no place: the newest one has to go. A unix socket has no source, which is no reason
  /// to take all who come by it for one: only the limit for all holds there.
  std::optional<ticket> enter(const asio::ip::address& source) {
    const std::lock_guard lock(mutex_);
    if (inside_ >= in_all_) return std::nullopt;
    std::uint32_t& of_source = sources_[source];
    if (of_source >= per_source_ && !source.is_unspecified()) return std::nullopt;
    ++of_source;
    ++inside_;
    return ticket(shared_from_this(), source);
  }
  std::uint32_t inside() const {
    const std::lock_guard lock(mutex_);
    return inside_;
  }

 private:
  void leave(const asio::ip::address& source) noexcept {
    const std::lock_guard lock(mutex_);
    --inside_;
    const auto found = sources_.find(source);
    if (--found->second == 0) sources_.erase(found);
  }

  const std::uint32_t in_all_, per_source_;
  mutable std::mutex mutex_;
  std::uint32_t inside_ = 0;
  std::map<asio::ip::address, std::uint32_t> sources_;
};

}  // namespace muxpro::proxy
