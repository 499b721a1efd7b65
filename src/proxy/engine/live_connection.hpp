// live_connection, a connection in the dispatcher, for counters, reports and balancers. Ring 4.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/relay_options.hpp>
#include "proxy/engine/stats.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>

namespace muxpro::proxy {

class outbound;

/// Belongs to the dispatcher's thread.
class live_connection {
 public:
  using list = std::list<live_connection*>;

  /// Its bytes are added to `counts`, which may be null. It stands in `all`, at the end, until it is
  /// destroyed.
  live_connection(context&& ctx, std::shared_ptr<stats> counts, std::shared_ptr<list> all);
  live_connection(const live_connection&) = delete;
  ~live_connection();

  /// Where its bytes are counted. Side a is the client.
  void counted_by(std::shared_ptr<const relay_bytes> b) noexcept { bytes_ = std::move(b); }
  void counted_by(std::shared_ptr<const datagram_bytes> b) noexcept { datagrams_ = std::move(b); }
  /// Its outbound is known, and stays there until this has ended.
  void chosen(std::shared_ptr<outbound> o);
  /// Brings the counters up to date.
  void count();

  std::uint64_t up() const noexcept {
    return datagrams_ ? datagrams_->received : bytes_ ? bytes_->a_to_b : 0;
  }
  std::uint64_t down() const noexcept { return datagrams_ ? datagrams_->sent : bytes_ ? bytes_->b_to_a : 0; }

  context ctx;
  std::shared_ptr<outbound> carrier;  ///< from chosen() on
  const time_point begun = std::chrono::steady_clock::now();

 private:
  void join(stats::kind what, const std::string& name);

  const std::shared_ptr<stats> counts_;
  const std::shared_ptr<list> all_;
  list::iterator place_;
  std::array<stats::counters*, 3> counters_{};
  std::uint64_t counted_up_ = 0, counted_down_ = 0;
  std::shared_ptr<const relay_bytes> bytes_;
  std::shared_ptr<const datagram_bytes> datagrams_;
};

}  // namespace muxpro::proxy
