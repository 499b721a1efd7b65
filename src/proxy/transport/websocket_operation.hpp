// The operations of a websocket_stream. Each is the handler of what it waits for. Ring 4.
#pragma once

#include "proxy/transport/websocket_core.hpp"

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/post.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

namespace muxpro::proxy {

/// What both have in common.
template <class Core, class Handler>
class websocket_operation {
 public:
  using executor_type = asio::associated_executor_t<Handler, typename Core::executor_type>;
  using allocator_type = asio::associated_allocator_t<Handler>;
  using cancellation_slot_type = asio::cancellation_slot;

  template <class Filter>
  websocket_operation(std::shared_ptr<Core> core, Handler handler, Filter obeyed)
      : core_(std::move(core)),
        handler_(std::move(handler)),
        stop_(asio::get_associated_cancellation_slot(handler_), obeyed) {}

  executor_type get_executor() const noexcept {
    return asio::get_associated_executor(handler_, core_->executor);
  }
  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler_); }
  cancellation_slot_type get_cancellation_slot() const noexcept { return stop_.slot(); }

 protected:
  bool is_stopped() const noexcept {
    return !core_->next || stop_.cancelled() != asio::cancellation_type::none;
  }

  std::shared_ptr<Core> core_;
  Handler handler_;
  asio::cancellation_state stop_;
  std::error_code ec_;
  bool done_ = false;  ///< posted, with the result
};

/// Reads into the caller's memory, in which frames become data.
template <class Core, class Handler>
class websocket_read : public websocket_operation<Core, Handler> {
  using base = websocket_operation<Core, Handler>;

 public:
  websocket_read(std::shared_ptr<Core> core, asio::mutable_buffer into, Handler handler)
      : base(std::move(core), std::move(handler), asio::enable_total_cancellation()), into_(into) {}

  void begin() && {
    if (this->core_->is_opening()) return wait();
    n_ = this->core_->read_held(room());
    if (n_ == 0) this->ec_ = this->core_->end();
    this->done_ = n_ > 0 || this->ec_ || into_.size() == 0;
    if (!this->done_) return read();
    const auto executor = this->get_executor();
    asio::post(executor, std::move(*this));
  }
  void operator()(std::error_code ec = {}, std::size_t n = 0) {
    if (std::exchange(waits_, false)) {
      ec.clear();
      n_ = this->is_stopped() ? 0 : this->core_->read_held(room());
    }
    if (!this->done_ && !finish(ec, n)) return read();
    const std::shared_ptr<Core> stays = std::move(this->core_);
    std::move(this->handler_)(this->ec_, n_);
  }

 private:
  bytes room() const noexcept { return {static_cast<std::byte*>(into_.data()), into_.size()}; }
  void wait() {
    waits_ = true;
    Core& c = *this->core_;
    c.wait_until_open(std::move(*this));
  }
  void read() {
    Core& c = *this->core_;
    c.next->async_read_some(into_, std::move(*this));
  }
  bool finish(std::error_code ec, std::size_t n) {
    if (n > 0) n_ = this->core_->take_in(room().first(n));
    if (n_ > 0) return true;
    this->ec_ = this->core_->end();
    if (this->is_stopped()) this->ec_ = asio::error::operation_aborted;
    if (!this->ec_) this->ec_ = Core::meaning_of(ec);
    return static_cast<bool>(this->ec_);
  }

  const asio::mutable_buffer into_;
  std::size_t n_ = 0;
  bool waits_ = false;  ///< for the end of the handshake
};

/// Writes one message, behind control frames that are due. Without data it writes only these frames. If
/// `Ends` is true, the handler gets no count.
template <class Core, class Buffers, class Handler, bool Ends = false>
class websocket_write : public websocket_operation<Core, Handler> {
  using base = websocket_operation<Core, Handler>;

 public:
  websocket_write(std::shared_ptr<Core> core, const Buffers& data, Handler handler)
      : base(std::move(core), std::move(handler), asio::enable_terminal_cancellation()), data_(data) {}

  void begin() && {
    if (this->core_->is_busy()) return wait();
    if (start()) return write();
    this->done_ = true;
    const auto executor = this->get_executor();
    asio::post(executor, std::move(*this));
  }
  void operator()(std::error_code ec = {}, std::size_t n = 0) {
    if (!this->done_) {
      const bool goes_on = waits_ ? take_turn() : written(ec, n);
      if (goes_on) return waits_ ? wait() : write();
    }
    const std::shared_ptr<Core> stays = std::move(this->core_);
    complete();
  }

 private:
  void wait() {
    waits_ = true;
    Core& c = *this->core_;
    c.wait_for_turn(std::move(*this));
  }
  /// Whether the operation goes on.
  bool take_turn() {
    this->core_->turn_has_come();
    if (this->is_stopped()) {
      this->ec_ = asio::error::operation_aborted;
      return false;
    }
    if (this->core_->is_busy()) return true;
    waits_ = false;
    return start();
  }
  /// Whether there is anything to write.
  bool start() {
    std::array<asio::const_buffer, 64> parts;
    std::size_t count = 0;
    for (auto i = asio::buffer_sequence_begin(data_); i != asio::buffer_sequence_end(data_); ++i)
      if (count < parts.size() && asio::const_buffer(*i).size() > 0) parts[count++] = *i;
    if (count > 0) this->ec_ = this->core_->write_failure();
    if (this->ec_ || (count == 0 && !this->core_->controls_are_due())) return false;
    try {
      this->core_->begin_write(std::span(parts).first(count));
    } catch (...) {
      this->ec_ = errc::no_memory;
      return false;
    }
    n_ = this->core_->out->payload();
    waits_again_ = count > 0 && n_ == 0;
    return true;
  }
  void write() {
    Core& c = *this->core_;
    c.next->async_write_some(layer::gather_list(c.out->left()), std::move(*this));
  }
  /// Whether more is left.
  bool written(std::error_code ec, std::size_t n) {
    Core& c = *this->core_;
    c.out->consume(n);
    if (!c.next || (!ec && this->is_stopped())) ec = asio::error::operation_aborted;
    if (!ec && !c.out->left().empty()) return true;
    this->ec_ = ec;
    if (ec) c.fail_writes();
    c.end_write();
    if (ec || !std::exchange(waits_again_, false)) return false;
    waits_ = c.is_busy();
    return waits_ || start();
  }
  void complete() {
    if constexpr (Ends)
      std::move(this->handler_)(this->ec_);
    else
      std::move(this->handler_)(this->ec_, this->ec_ ? 0 : n_);
  }

  const Buffers data_;
  std::size_t n_ = 0;
  bool waits_ = false;        ///< for its turn
  bool waits_again_ = false;  ///< what is written is the request of a handshake alone
};

/// Reads the answer to a handshake.
template <class Core>
class websocket_answer {
 public:
  using executor_type = typename Core::executor_type;

  explicit websocket_answer(std::shared_ptr<Core> core)
      : core_(std::move(core)), room_(new std::byte[size]) {}
  executor_type get_executor() const noexcept { return core_->executor; }

  void read() {
    Core& c = *core_;
    const asio::mutable_buffer into(room_.get(), size);
    c.next->async_read_some(into, std::move(*this));
  }
  void operator()(std::error_code ec, std::size_t n) {
    if (!core_->next || !core_->is_opening()) return;
    try {
      if (n > 0) core_->take_answer({room_.get(), n});
    } catch (...) {
      return core_->fail_opening(errc::no_memory);
    }
    if (!core_->is_opening()) return;
    if (ec) return core_->fail_opening(Core::meaning_of(ec));
    read();
  }

 private:
  static constexpr std::size_t size = 2048;
  std::shared_ptr<Core> core_;
  std::unique_ptr<std::byte[]> room_;
};

template <class Next>
void websocket_core<Next>::read_answer() {
  websocket_answer<websocket_core>(this->shared_from_this()).read();
}

/// Of writes that no caller waits for.
struct websocket_unwatched {
  void operator()(std::error_code, std::size_t) const noexcept {}
};

// A failure is that of the next read or write.
template <class Next>
void websocket_core<Next>::write_controls() noexcept {
  if (out || waits_ || !next || !controls_are_due()) return;
  using op = websocket_write<websocket_core, asio::const_buffer, websocket_unwatched>;
  try {
    op(this->shared_from_this(), asio::const_buffer(), websocket_unwatched()).begin();
  } catch (...) {
    fail_writes();
  }
}

}  // namespace muxpro::proxy
