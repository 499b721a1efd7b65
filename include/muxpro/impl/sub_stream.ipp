#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

namespace muxpro {

MUXPRO_DECL sub_stream& sub_stream::operator=(sub_stream&& other) noexcept {
  if (this != &other) {
    if (state_) state_->abandon();
    state_ = std::move(other.state_);
  }
  return *this;
}

MUXPRO_DECL sub_stream::~sub_stream() {
  if (state_) state_->abandon();
}

MUXPRO_DECL sub_stream::executor_type sub_stream::get_executor() const noexcept {
  return state_->session()->executor();
}

MUXPRO_DECL stream_id sub_stream::id() const noexcept { return state_->id; }
MUXPRO_DECL const destination& sub_stream::target() const noexcept { return state_->target; }
MUXPRO_DECL std::uint8_t sub_stream::priority() const noexcept { return state_->priority; }
MUXPRO_DECL const std::optional<global_id>& sub_stream::source() const noexcept {
  static constexpr std::optional<global_id> none;
  return state_->datagrams ? state_->datagrams->source : none;
}
MUXPRO_DECL stream_stats sub_stream::stats() const { return state_->report(); }
MUXPRO_DECL void sub_stream::reset(end_code code) { state_->reset(code); }
MUXPRO_DECL void sub_stream::close() { state_->close(); }

}  // namespace muxpro
