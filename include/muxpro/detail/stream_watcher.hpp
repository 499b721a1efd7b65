// Events of a session's sub-streams, for the pool that owns the session.
#pragma once

namespace muxpro::detail {

/// Counts the sub-streams that the application still holds.
class stream_watcher {
 public:
  /// A sub-stream's object is gone. `refused` is true if the peer had ended it with code 4 before it sent a
  /// byte.
  virtual void stream_gone(bool refused) noexcept = 0;
  /// A sub-stream without room holds all others up.
  virtual void queue_full() noexcept = 0;

 protected:
  ~stream_watcher() = default;
};

}  // namespace muxpro::detail
