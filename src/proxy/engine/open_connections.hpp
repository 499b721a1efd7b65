// The connections of a thread that are open, and what makes them count.
#pragma once

#include "proxy/engine/workers.hpp"

#include <muxpro/one_shot.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

namespace muxpro::proxy {

struct open_connections {
  /// Connections by the ids of their contexts. A pointer is expired while the handshake is not over.
  std::unordered_map<std::uint32_t, std::weak_ptr<connection>> by_id;
  std::size_t served = 0;        ///< those that a drain waits for
  std::function<void()> closed;  ///< called when one of these has gone, empty after the worker has gone
};

/// A client's socket. Its connection is open until it is destroyed, which the relay of an outbound puts off
/// until after the inbound has returned.
class open_socket {
 public:
  open_socket(stream_socket s, workers::slot of, std::uint32_t id, std::shared_ptr<open_connections> all,
              bool is_served)
      : place_(std::move(of), id, std::move(all), is_served), c_(std::move(s)) {}

  /// Keeps `self`.
  static std::shared_ptr<connection_over<stream_socket>> connection_of(
      const std::shared_ptr<open_socket>& self) noexcept {
    return {self, &self->c_};
  }

 private:
  class place {
   public:
    place(workers::slot of, std::uint32_t id, std::shared_ptr<open_connections> all, bool is_served)
        : slot_(std::move(of)), id_(id), all_(std::move(all)), is_served_(is_served) {
      all_->by_id.try_emplace(id_);
      if (is_served_) ++all_->served;
    }
    place(const place&) = delete;
    ~place() {
      all_->by_id.erase(id_);
      if (is_served_) --all_->served;
      if (all_->closed) all_->closed();
    }

   private:
    const workers::slot slot_;
    const std::uint32_t id_;
    const std::shared_ptr<open_connections> all_;
    const bool is_served_;
  };

  const place place_;
  connection_over<stream_socket> c_;
};

/// An entry of a connection over layers. It may outlive its worker.
class open_layered {
 public:
  /// The first one over a socket has the id of that. Its entry stays until the socket's end.
  open_layered(std::shared_ptr<open_connections> all, std::uint32_t socket_id,
               const std::shared_ptr<connection>& c)
      : all_(std::move(all)),
        id_(all_->by_id[socket_id].expired() ? socket_id : context::new_id()),
        is_first_(id_ == socket_id) {
    all_->by_id[id_] = c;
  }
  open_layered(const open_layered&) = delete;
  ~open_layered() {
    const auto entry = all_->by_id.find(id_);
    if (entry == all_->by_id.end()) return;
    if (is_first_)
      entry->second.reset();
    else
      all_->by_id.erase(entry);
  }
  std::uint32_t id() const noexcept { return id_; }

 private:
  const std::shared_ptr<open_connections> all_;
  const std::uint32_t id_;
  const bool is_first_;
};

/// The same connection, which sets `gone` when it is destroyed.
inline std::shared_ptr<connection> watched(std::shared_ptr<connection> c, std::shared_ptr<one_shot> gone) {
  struct watch {
    watch(std::shared_ptr<connection> of, std::shared_ptr<one_shot> s) noexcept
        : c(std::move(of)), over(std::move(s)) {}
    watch(const watch&) = delete;
    ~watch() { over->set({}); }
    const std::shared_ptr<connection> c;
    const std::shared_ptr<one_shot> over;
  };
  const auto w = std::make_shared<watch>(std::move(c), std::move(gone));
  return {w, w->c.get()};
}

}  // namespace muxpro::proxy
