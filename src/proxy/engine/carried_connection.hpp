// carried_connection, the state that the dispatcher keeps of a connection until its end. Ring 4.
#pragma once

#include "proxy/base/exception_code.hpp"
#include "proxy/engine/live_connection.hpp"

#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/outbound.hpp>
#include <muxpro/relay_options.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// While its outbound's relay runs, that is its owner.
class carried_connection final : public relay_owner {
 public:
  /// `to` must outlive it.
  carried_connection(context&& ctx, std::unique_ptr<client> who, const dispatcher& to,
                     std::shared_ptr<live_connection::list> all)
      : c(std::move(who)), to_(to), live_(std::in_place, std::move(ctx), to.counts(), std::move(all)) {
    const auto bytes = std::make_shared<relay_bytes>();
    c->count_in(bytes);
    live_->counted_by(bytes);
  }

  live_connection& live() noexcept { return *live_; }
  /// Begins the relay, if the outbound has handed one over. Returns false if there is no relay, or
  /// `result.why` is set.
  static bool start_relay(const std::shared_ptr<carried_connection>& self) {
    if (!self->c->is_handed_over() || self->result.why) return false;
    try {
      self->relaying_.emplace(*self->live_->carrier);
      self->c->start_relay(self);
      return true;
    } catch (...) {
      self->result.why = code_of(std::current_exception());
      return false;
    }
  }
  /// It counts and is shown no more. Calls the dispatcher's observer.
  void end_live() {
    relaying_.reset();
    to_.end(*live_, result);
    live_.reset();
  }

  const std::unique_ptr<client> c;
  connection_result result;

 private:
  void relay_ended(std::error_code why) override {
    c->relay_is_over();
    result.why = why;
    end_live();
    c->end_after_relay(why);
  }

  const dispatcher& to_;
  std::optional<live_connection> live_;
  std::optional<outbound::counted> relaying_;
};

}  // namespace muxpro::proxy
