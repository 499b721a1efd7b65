// The flow xtls-rprx-vision over TLS. Each direction begins as blocks with padding. Where the data inside are
// TLS 1.3 themselves, it goes on as bytes of the stream below, outside of the TLS of the connection. Ring 4.
#pragma once

#include "proxy/transport/coroutine_operation.hpp"
#include "proxy/transport/erased_stream.hpp"
#include "proxy/transport/tls_stream.hpp"
#include "proxy/vless/vision_padding.hpp"

#include <muxpro/layer.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/async_result.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

struct vision_beginning {
  uuid id;                          ///< as the client has sent it
  std::vector<std::byte> received;  ///< of the connection, before
  std::vector<std::byte> head;      ///< goes in front of the first block that is sent
  head_reader peers_head;           ///< of what comes before the peer's first block, may be empty
};

/// What the operations of a vision_stream share. Holds the connection below, whose cut() and close() end it.
/// `Next` is below the TLS, a stream_socket or an erased_stream.
template <class Next>
class vision_core : public std::enable_shared_from_this<vision_core<Next>> {
 public:
  static constexpr bool on_socket = plain_socket<Next>;
  using tls = tls_stream<Next>;

  vision_core(std::shared_ptr<connection_over<tls>> below, vision_beginning first);

  tls& carrier() noexcept { return below_->stream(); }
  Next& next() noexcept { return carrier().next_layer(); }
  /// Whether reads or writes are those of carrier() or next().
  vision_phase reading() const noexcept {
    return content_.empty() && !raw_end_ ? in_.phase() : vision_phase::blocks;
  }
  vision_phase writing() const noexcept { return out_.phase(); }

  /// As tls_stream::read_now().
  std::size_t read_now(bytes into, std::error_code& ec);
  void wait(layer::transfer_step done);
  // Parameters of a coroutine live as long as it, unlike captures.
  static asio::awaitable<transferred> read(std::shared_ptr<vision_core> core, asio::mutable_buffer into);
  static asio::awaitable<transferred> write(std::shared_ptr<vision_core> core, asio::const_buffer from);

 private:
  void take(const_bytes text, std::error_code& ec);
  bool strip_head(const_bytes& text, std::error_code& ec);
  void unpad(const_bytes text, std::error_code& ec);
  void leave_blocks();
  void wait_for_raw(layer::transfer_step done);

  const std::shared_ptr<connection_over<tls>> below_;
  vision_unpadder in_;
  vision_padder out_;
  vision_filter filter_;
  head_reader peers_head_;
  /// before_: a part of the peer's head, later what a read below gets into.
  std::vector<std::byte> head_, before_, content_;
  std::size_t content_taken_ = 0;
  std::error_code raw_end_;  ///< of a stream that does not read when it is ready
};

/// Belongs to the strand of its connection. One read and one write may be pending at a time. After a switch
/// the TLS below sends no bytes, also no close_notify, which would be data for the peer.
template <class Next>
class vision_stream {
  using core = vision_core<Next>;

 public:
  using executor_type = typename core::tls::executor_type;
  using next_layer_type = typename core::tls;
  using lowest_layer_type = typename next_layer_type::lowest_layer_type;

  explicit vision_stream(std::shared_ptr<core> c) noexcept : core_(std::move(c)) {}

  executor_type get_executor() const noexcept { return core_->carrier().get_executor(); }
  next_layer_type& next_layer() noexcept { return core_->carrier(); }
  const next_layer_type& next_layer() const noexcept { return core_->carrier(); }
  lowest_layer_type& lowest_layer() noexcept { return next_layer().lowest_layer(); }

  /// Signature: void(std::error_code, std::size_t). Completes with data without padding, at least one byte.
  /// Errors: eof at the end of the peer's direction, errc::bad_answer if a block is broken, and those of the
  /// TLS stream and of the socket below.
  /// Cancellation (terminal): operation_aborted, no byte was read.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& into, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start_read{{core_}}, token, first_of<asio::mutable_buffer>(into));
  }
  /// As tls_stream::read_now().
  std::size_t read_now(bytes into, std::error_code& ec) { return core_->read_now(into, ec); }
  /// Calls `done` when read_now() may get bytes. Some of those that come may be padding.
  void async_wait_for_bytes(layer::transfer_step done) { core_->wait(std::move(done)); }
  /// After the switch of a direction its bytes are those of the socket below. -1 before.
  int socket_of_reads() noexcept requires core::on_socket {
    return core_->reading() == vision_phase::raw ? layer::socket_of_reads(core_->next()) : -1;
  }
  int socket_of_writes() noexcept requires core::on_socket {
    return core_->writing() == vision_phase::raw ? layer::socket_of_writes(core_->next()) : -1;
  }
  /// Calls `done` when the socket takes more.
  void async_wait_for_room(layer::transfer_step done) requires core::on_socket {
    core_->next().async_wait(asio::socket_base::wait_write, std::move(done));
  }
  /// Signature: void(std::error_code, std::size_t). Completes when the streams below have taken the first
  /// bytes. Without bytes it sends a block of padding, and the head that goes in front of it.
  /// Errors: those of the TLS stream and of the socket below.
  /// Cancellation (terminal): operation_aborted. Only closing makes sense then.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& from, Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        start_write{{core_}}, token, first_of<asio::const_buffer>(from));
  }
  /// Ends this direction, by close_notify or, after a switch, by the socket's FIN. Not while a write is
  /// pending.
  /// Signature: void(std::error_code). Completes when the stream below has taken the end.
  /// Errors: those of the TLS stream below.
  /// Cancellation (terminal): operation_aborted. Only closing makes sense then.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return asio::async_initiate<Token, void(std::error_code)>(start_shutdown{{core_}}, token);
  }

 private:
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& all) {
    for (auto i = asio::buffer_sequence_begin(all); i != asio::buffer_sequence_end(all); ++i)
      if (Buffer(*i).size() > 0) return Buffer(*i);
    return Buffer();
  }
  struct starts {
    using executor_type = typename vision_stream::executor_type;
    std::shared_ptr<core> of;
    executor_type get_executor() const noexcept { return of->carrier().get_executor(); }
  };
  struct start_read : starts {
    template <class Handler>
    void operator()(Handler&& handler, asio::mutable_buffer into) const {
      core& c = *this->of;
      if (c.reading() == vision_phase::raw)
        c.next().async_read_some(into, std::forward<Handler>(handler));
      else if (c.reading() == vision_phase::text)
        c.carrier().async_read_some(into, std::forward<Handler>(handler));
      else
        start_coroutine<transfer_operation>(std::forward<Handler>(handler), c.carrier().get_executor(),
                                            core::read(this->of, into));
    }
  };
  struct start_write : starts {
    template <class Handler>
    void operator()(Handler&& handler, asio::const_buffer from) const {
      core& c = *this->of;
      if (c.writing() == vision_phase::raw)
        c.next().async_write_some(from, std::forward<Handler>(handler));
      else if (c.writing() == vision_phase::text)
        c.carrier().async_write_some(from, std::forward<Handler>(handler));
      else
        start_coroutine<transfer_operation>(std::forward<Handler>(handler), c.carrier().get_executor(),
                                            core::write(this->of, from));
    }
  };
  struct start_shutdown : starts {
    template <class Handler>
    void operator()(Handler&& handler) const {
      core& c = *this->of;
      if constexpr (core::on_socket) {
        std::error_code ignored;
        if (c.writing() == vision_phase::raw) c.next().shutdown(asio::socket_base::shutdown_send, ignored);
      } else if (c.writing() == vision_phase::raw) {
        return c.next().async_shutdown(std::forward<Handler>(handler));
      }
      // Behind a switch the TLS below is mute, and completes at once.
      c.carrier().async_shutdown(std::forward<Handler>(handler));
    }
  };
  std::shared_ptr<core> core_;
};

/// Returns the flow over `below`, which has to be TLS, on a socket or on what another outbound carries. Null
/// if it is not.
std::shared_ptr<connection> open_vision(const std::shared_ptr<connection>& below, vision_beginning first);

}  // namespace muxpro::proxy
