// The operations of a tls_stream: what each does with OpenSSL, and what they all wait for. Ring 4.
#pragma once

#include "proxy/transport/text_list.hpp"
#include "proxy/transport/tls_core.hpp"

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

// --- what each operation does with OpenSSL, as far as it gets

struct tls_task {
  /// Cancellation that it can obey.
  static constexpr auto cancellation = asio::cancellation_type::terminal;
  static constexpr bool reads = false, writes = true;
  using needs = tls_engine::needs;
  std::size_t wanted() const noexcept { return record_text; }
  /// Bytes of text that a read has, if further records may have more.
  std::size_t has_but_may_get_more() const noexcept { return 0; }
};

struct tls_handshake : tls_task {
  static constexpr bool reads = true;
  needs go_on(tls_engine& e, std::error_code& ec) { return e.handshake(ec); }
  template <class Handler>
  void complete(Handler&& handler, std::error_code ec) {
    std::move(handler)(ec);
  }
};

struct tls_shutdown : tls_task {
  needs go_on(tls_engine& e, std::error_code& ec) { return e.close_notify(ec); }
  template <class Handler>
  void complete(Handler&& handler, std::error_code ec) {
    std::move(handler)(ec);
  }
};

class tls_write : public tls_task {
 public:
  /// The text is sealed before the operation waits, so that it needs no buffers then.
  template <class Core, class Buffers>
  void begin(Core& c, const Buffers& buffers) {
    if (!c.writing) c.engine.output.room(full_record + tls_buffer::spare);
    const text_parts parts(buffers);
    n_ = c.engine.write(parts.all(), failure_);
    if (n_ == 0 && !parts.all().empty() && !failure_) failure_ = asio::error::no_buffer_space;
  }
  needs go_on(tls_engine&, std::error_code& ec) {
    ec = failure_;
    return needs::nothing;
  }
  template <class Handler>
  void complete(Handler&& handler, std::error_code ec) {
    std::move(handler)(ec, ec ? 0 : n_);
  }

 private:
  std::size_t n_ = 0;
  std::error_code failure_;
};

template <class Buffers>
class tls_read : public tls_task {
 public:
  static constexpr auto cancellation = asio::cancellation_type::all;
  static constexpr bool reads = true;
  static constexpr bool writes = false;  ///< but what OpenSSL must send before it can go on, and alerts

  explicit tls_read(const Buffers& into) : into_(into) {}
  std::size_t wanted() const noexcept { return asio::buffer_size(into_); }
  std::size_t has_but_may_get_more() const noexcept { return needs_input_ ? n_ : 0; }
  needs go_on(tls_engine& e, std::error_code& ec) {
    needs then = needs::nothing;
    std::size_t filled = n_;
    for (auto i = asio::buffer_sequence_begin(into_); i != asio::buffer_sequence_end(into_); ++i) {
      const asio::mutable_buffer all = *i, room = all + filled;
      filled -= all.size() - room.size();
      if (room.size() == 0) continue;
      then = e.read(room, n_, ec);
      if (ec || then != needs::nothing || (n_ > 0 && e.opens_one_at_a_time())) break;
    }
    needs_input_ = !ec && then == needs::input;
    if (n_ == 0) return then;
    ec.clear();
    return needs::nothing;
  }
  template <class Handler>
  void complete(Handler&& handler, std::error_code ec) {
    std::move(handler)(ec, ec ? 0 : n_);
  }

 private:
  Buffers into_;
  std::size_t n_ = 0;
  bool needs_input_ = false;  ///< neither the end nor an error has come behind the text
};

/// Waits until a read need not wait.
struct tls_ready : tls_task {
  static constexpr auto cancellation = asio::cancellation_type::all;
  static constexpr bool reads = true, writes = false;
  std::size_t wanted() const noexcept { return tls_buffer::large / 2; }
  needs go_on(tls_engine& e, std::error_code&) {
    std::error_code read_reports_it;
    return e.peek(read_reports_it);
  }
  template <class Handler>
  void complete(Handler&& handler, std::error_code ec) {
    std::move(handler)(ec, std::size_t{0});
  }
};

// --- an operation is the handler of what it waits for

template <class Core, class Task, class Handler>
class tls_operation {
 public:
  using executor_type = asio::associated_executor_t<Handler, typename Core::executor_type>;
  using allocator_type = asio::associated_allocator_t<Handler>;
  using cancellation_slot_type = asio::cancellation_slot;

  tls_operation(std::shared_ptr<Core> core, Task task, Handler handler)
      : core_(std::move(core)),
        task_(std::move(task)),
        handler_(std::move(handler)),
        stop_(asio::get_associated_cancellation_slot(handler_),
              asio::cancellation_filter<Task::cancellation>()) {}

  executor_type get_executor() const noexcept {
    return asio::get_associated_executor(handler_, core_->executor);
  }
  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler_); }
  cancellation_slot_type get_cancellation_slot() const noexcept { return stop_.slot(); }

  void begin() && {
    if (go_on()) return wait();
    waits_for_ = event::turn;
    const executor_type executor = get_executor();
    asio::post(executor, std::move(*this));
  }
  void operator()(std::error_code ec = {}, std::size_t n = 0) {
    if (waits_for_ != event::turn && succeeded(ec, n) && go_on()) return wait();
    const std::shared_ptr<Core> stays = std::move(core_);
    task_.complete(std::move(handler_), ec_);
  }

 private:
  using needs = tls_engine::needs;
  enum class event { turn, readable, read, writable, written };

  /// Whether the operation has to wait.
  bool go_on() {
    const bool waits = as_far_as_it_gets();
    core_->engine.rest();
    if (Task::reads) core_->engine.input.shrink();
    if (!core_->writing) core_->engine.output.shrink(tls_buffer::spare);
    return waits;
  }
  bool as_far_as_it_gets() {
    for (;;) {
      const needs then = task_.go_on(core_->engine, ec_);
      const bool sends = Task::writes || then == needs::output || core_->engine.failed();
      const bool can_send = !core_->writing && !core_->engine.output.empty();
      if (then == needs::output && !can_send) ec_ = asio::error::no_buffer_space;
      if (sends && can_send && !sent()) return true;
      if (ec_ || (then == needs::nothing && !more_received())) return false;
      if (then == needs::input && !received()) return !ec_;
    }
  }
  /// Whether nothing has to wait for the stream below to take output.
  bool sent() {
    waits_for_ = Core::on_socket ? event::writable : event::written;
    std::error_code failed;
    if constexpr (Core::on_socket) {
      if (core_->send(failed)) return true;
    }
    if (failed) unsent(failed);
    return static_cast<bool>(failed);
  }
  bool received() {
    waits_for_ = Core::on_socket ? event::readable : event::read;
    if constexpr (Core::on_socket) return core_->last_read_large && core_->receive(task_.wanted(), ec_);
    return false;
  }
  /// Whether more has come for a read that has a short record.
  bool more_received() {
    if constexpr (Core::on_socket && Task::reads) {
      std::error_code next_read_reports_it;
      const std::size_t n = task_.has_but_may_get_more();
      return n > 0 && core_->is_worth_more(n, task_.wanted()) &&
             core_->receive(task_.wanted() - n, next_read_reports_it);
    }
    return false;
  }
  /// A reader has its own error then, or gets the bytes that have come before.
  void unsent(std::error_code why) {
    core_->engine.drop_output(why);
    if (Task::writes && !ec_) ec_ = why;
  }

  void wait() {
    if (waits_for_ == event::readable || waits_for_ == event::read) return wait_for_input();
    core_->writing = true;
    Core& c = *core_;
    if constexpr (Core::on_socket)
      c.next->async_wait(asio::socket_base::wait_write, std::move(*this));
    else
      c.next->async_write_some(asio::buffer(c.engine.output.data().data(), c.engine.output.size()),
                               std::move(*this));
  }
  void wait_for_input() {
    Core& c = *core_;
    if constexpr (Core::on_socket) {
      c.next->async_wait(asio::socket_base::wait_read, std::move(*this));
    } else {
      const bytes room = c.engine.input.room(c.last_read_large ? full_record : 1);
      c.next->async_read_some(asio::buffer(room.data(), room.size()), std::move(*this));
    }
  }

  bool succeeded(std::error_code ec, std::size_t n) {
    tls_engine& engine = core_->engine;
    const bool was_read = waits_for_ == event::read || waits_for_ == event::readable;
    if (waits_for_ == event::read) {
      engine.input.filled(n);
      core_->last_read_large = n >= tls_buffer::small;
      if (ec == asio::error::eof) ec = engine.meaning_of_eof();
    }
    if (waits_for_ == event::written) engine.output.consume(n);
    if (!was_read) core_->writing = false;
    if (!core_->next || stop_.cancelled() != asio::cancellation_type::none)
      ec = asio::error::operation_aborted;
    if constexpr (Core::on_socket) {
      if (!ec && was_read) core_->receive(task_.wanted(), ec);
    }
    if (ec && was_read) ec_ = ec;
    if (ec && !was_read) unsent(ec);
    if (ec && Task::reads) engine.input.shrink();
    return !ec;
  }

  std::shared_ptr<Core> core_;
  Task task_;
  Handler handler_;
  asio::cancellation_state stop_;
  std::error_code ec_;
  event waits_for_ = event::turn;
};

}  // namespace muxpro::proxy
