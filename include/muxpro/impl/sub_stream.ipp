#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

namespace muxpro {

MUXPRO_DECL sub_stream& sub_stream::operator=(sub_stream&& other) noexcept {
  if (this != &other) {
    if (auto* const s = state_.detach()) detail::stream_state::abandon(s);
    state_ = std::move(other.state_);
  }
  return *this;
}

MUXPRO_DECL sub_stream::executor_type sub_stream::get_executor() const noexcept {
  return detail::is_there(state_) ? detail::executor_of(*state_) : detail::executor_of_none();
}

MUXPRO_DECL stream_id sub_stream::id() const noexcept {
  return detail::is_there(state_) ? state_->id : stream_id{};
}
MUXPRO_DECL const destination& sub_stream::target() const noexcept {
  static const destination none;
  return detail::is_there(state_) ? state_->target : none;
}
MUXPRO_DECL std::uint8_t sub_stream::priority() const noexcept {
  return detail::is_there(state_) ? state_->priority : std::uint8_t{0};
}
MUXPRO_DECL const std::optional<global_id>& sub_stream::source() const noexcept {
  static constexpr std::optional<global_id> none;
  return detail::is_there(state_) && state_->datagrams ? state_->datagrams->source : none;
}
MUXPRO_DECL stream_stats sub_stream::stats() const {
  return detail::is_there(state_) ? state_->report() : stream_stats();
}
MUXPRO_DECL void sub_stream::cancel() {
  if (detail::is_there(state_)) state_->cancel();
}
MUXPRO_DECL void sub_stream::reset(end_code code) {
  if (state_) state_->reset(code);
}
MUXPRO_DECL void sub_stream::close() {
  if (state_) state_->close();
}

}  // namespace muxpro
