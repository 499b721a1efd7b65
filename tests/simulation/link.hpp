// The wire between two ends in one process: late, narrow, short, clogged or cut, by the world's clock and
// dice.
#pragma once

#include "memory.hpp"
#include "wire_rules.hpp"
#include "world.hpp"

#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/pending_op.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace simulation {

struct direction_habits {
  duration delay{}, jitter{};
  std::uint64_t bytes_per_second = 0;  ///< 0: as fast as it goes
  std::size_t capacity = 65536;        ///< bytes written and not read
  std::size_t most = ~std::size_t{0};  ///< of one operation
  bool ragged = false;                 ///< operations of random sizes up to `most`
  std::optional<std::uint64_t> rst_at, fin_at;
};

/// Side 0 writes to direction 0, side 1 to direction 1.
class link final : public std::enable_shared_from_this<link>, private muxpro::detail::shutdown_participant {
 public:
  struct transfer_op : muxpro::detail::pending_op<error_code, std::size_t> {
    explicit transfer_op(std::vector<asio::mutable_buffer> b) : room(std::move(b)) {}
    explicit transfer_op(std::vector<asio::const_buffer> b) : data(std::move(b)) {}
    std::vector<asio::mutable_buffer> room;
    std::vector<asio::const_buffer> data;
  };

  link(world& w, std::uint64_t name, direction_habits there, direction_habits back);

  void start_read(int side, transfer_op* op);
  void start_write(int side, transfer_op* op);
  void cancel(transfer_op* op);
  void close(int side) noexcept;

  /// Nothing moves while it is clogged.
  void clog(bool on);
  /// RST: what is under way is lost, both ends fail.
  void reset();
  /// No more faults at bytes to come.
  void heal() noexcept;

  bool broken() const noexcept { return reset_ || directions_[0].cut || directions_[1].cut; }
  bool quiet() const noexcept { return directions_[0].held == 0 && directions_[1].held == 0; }
  bool clogged() const noexcept { return clogged_; }
  bool read_waits(int side) const noexcept { return directions_[1 - side].reader; }
  bool write_waits(int side) const noexcept { return directions_[side].writer; }
  bool closed(int side) const noexcept { return closed_[side]; }
  std::size_t held(int side) const noexcept { return directions_[side].held; }
  world& owner() noexcept { return world_; }
  const asio::any_io_executor& executor() const noexcept { return executor_; }
  /// The observer of its frames, or null.
  std::array<std::shared_ptr<wire_rules>, 2> rules;

 private:
  struct chunk {
    duration arrives;
    std::vector<std::byte> data;
    std::size_t used = 0;
  };
  struct direction {
    direction_habits habits;
    std::deque<chunk> chunks;
    std::size_t held = 0;
    std::uint64_t accepted = 0;
    std::size_t shown = 0;  ///< bytes at the front of the next write that the rules have seen
    duration free_at{}, arrived_last{};
    bool fin = false;  ///< the writer has closed
    bool cut = false;  ///< by fin_at
    transfer_op* reader = nullptr;
    transfer_op* writer = nullptr;
  };

  void pump(int from);
  bool try_write(int from);
  bool try_read(int from);
  void accept(int from, std::size_t n);
  void refuse(int from);
  std::size_t deliver(int from, std::size_t most);
  std::size_t limited(const direction& l, std::size_t n);
  void finish(transfer_op*& op, int side, const char* what, error_code ec, std::size_t n);
  void context_destroyed() noexcept override;

  world& world_;
  asio::any_io_executor executor_;
  std::uint64_t name_;
  dice random_;
  direction directions_[2];
  bool closed_[2] = {false, false};
  bool refused_[2] = {false, false};  ///< side 0's, side 1's writes
  bool reset_ = false;
  bool clogged_ = false;
};

/// One end of a link, as a session or a dialer owns it.
class link_end {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = link_end;

  link_end() noexcept = default;
  link_end(std::shared_ptr<link> l, int side) noexcept : link_(std::move(l)), side_(side) {}
  link_end(link_end&&) noexcept = default;
  link_end& operator=(link_end&& other) noexcept {
    close();
    link_ = std::move(other.link_);
    side_ = other.side_;
    return *this;
  }
  ~link_end() { close(); }

  executor_type get_executor() const noexcept { return link_->executor(); }
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  void close() noexcept {
    if (link_) link_->close(side_);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start{link_.get(), side_, true}, token,
                                                                      list<asio::mutable_buffer>(buffers));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start{link_.get(), side_, false}, token,
                                                                      list<asio::const_buffer>(buffers));
  }

 private:
  /// Asio copies the arguments of an initiation, and does not survive it if a copy fails.
  template <class Buffer, class Buffers>
  static auto list(const Buffers& buffers) {
    const memory::exempt no_failures;
    return std::make_shared<std::vector<Buffer>>(asio::buffer_sequence_begin(buffers),
                                                 asio::buffer_sequence_end(buffers));
  }

  struct start {
    link* l;
    int side;
    bool reading;
    template <class Handler, class List>
    void operator()(Handler&& handler, List buffers) const {
      const memory::exempt no_failures;
      auto cancel = [where = l](link::transfer_op* op) { where->cancel(op); };
      auto* const op = muxpro::detail::make_pending_op<link::transfer_op>(
          std::forward<Handler>(handler), l->executor(), cancel, std::move(*buffers));
      if (reading)
        l->start_read(side, op);
      else
        l->start_write(side, op);
    }
  };

  std::shared_ptr<link> link_;
  int side_ = 0;
};

}  // namespace simulation
