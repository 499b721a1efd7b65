// tls_stream: TLS by OpenSSL over any stream. It reads, opens, seals and writes many records at a time, and
// has no memory for them while it waits on a socket. Records of TLS 1.3 do not pass through libssl. It is no
// part of the library, which needs no OpenSSL. TLS by the kernel is left out: its own copies and system calls
// for each record cost more than they save. Ring 4.
#pragma once

#include "proxy/transport/tls_operation.hpp"

#include <muxpro/any_stream.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Belongs to one strand. One read and one write may be pending at a time; handshake and shutdown count as
/// both. Moved only while nothing is pending. Pending operations complete with operation_aborted when it is
/// destroyed or the stream below is closed.
template <class Next>
class tls_stream {
  using core = tls_core<Next>;

 public:
  using executor_type = typename Next::executor_type;
  using next_layer_type = Next;
  using lowest_layer_type = typename Next::lowest_layer_type;
  /// EOF comes behind close_notify alone.
  static constexpr bool authenticates_eof = true;

  /// `ssl` is set up as a client or as a server, with the checks of the peer.
  tls_stream(Next next, ssl_ptr ssl, tls_extras extras = {})
      : core_(std::make_shared<core>(std::move(next), std::move(ssl), std::move(extras))) {}
  tls_stream(tls_stream&&) noexcept = default;
  tls_stream& operator=(tls_stream&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~tls_stream() {
    if (core_) core_->next.reset();
  }

  executor_type get_executor() const noexcept { return core_->executor; }
  Next& next_layer() noexcept { return *core_->next; }
  const Next& next_layer() const noexcept { return *core_->next; }
  lowest_layer_type& lowest_layer() noexcept { return core_->next->lowest_layer(); }
  /// Bytes of memory that it holds for records, without OpenSSL's.
  std::size_t memory() const noexcept {
    return core_->engine.input.capacity() + core_->engine.output.capacity();
  }
  /// Behind a handshake of TLS 1.3 it has what was agreed, and the peer's certificate, but no part in the
  /// records any more.
  /// Null behind forget_handshake().
  SSL* ssl() const noexcept { return core_->engine.ssl(); }
  /// Frees what only a handshake needs, some 20 KiB and the first secrets, if has_own_records().
  void forget_handshake() noexcept { core_->engine.forget_handshake(); }
  /// Whether the records are not OpenSSL's: behind the handshake of TLS 1.3, if share_secrets() was called
  /// for the context and the client resumes no sessions.
  bool has_own_records() const noexcept { return core_->engine.has_own_layer(); }

  /// Signature: void(std::error_code). Completes when the peer is authenticated, as far as it has to be, and
  /// what it needs to be done, too, is written.
  /// Errors: those of asio::error's SSL category, connection_reset if the peer goes; those of the stream
  /// below. The peer gets an alert with the reason first.
  /// Cancellation (terminal): operation_aborted. Only closing makes sense then.
  template <class Token = asio::use_awaitable_t<>>
  auto async_handshake(Token&& token = {}) {
    return initiate<void(std::error_code)>(std::forward<Token>(token), tls_handshake());
  }
  /// Signature: void(std::error_code, std::size_t). Completes with the text of all records that are there and
  /// fit, at least one byte; at once with 0 if `buffers` are empty.
  /// Errors: eof after the peer's close_notify; connection_reset if the stream below ends without;
  /// otherwise as async_handshake().
  /// Cancellation (any type): operation_aborted, no byte was read.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
    return initiate<void(std::error_code, std::size_t)>(std::forward<Token>(token),
                                                        tls_read<MutableBuffers>(buffers));
  }
  /// Returns how many bytes of text were read. `ec` is would_block if there are none yet. Not while a read is
  /// pending.
  std::size_t read_now(bytes into, std::error_code& ec) { return core_->read(into, ec); }
  /// Signature: void(std::error_code, std::size_t). Completes with 0 when a read would complete at once, be
  /// it with an error.
  /// Errors: those of the stream below.
  /// Cancellation (any type): operation_aborted.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait_for_bytes(Token&& token = {}) {
    return initiate<void(std::error_code, std::size_t)>(std::forward<Token>(token), tls_ready());
  }
  /// Signature: void(std::error_code, std::size_t). Completes when the stream below has taken the records of
  /// the first bytes, 256 KiB at most.
  /// Errors: as async_handshake().
  /// Cancellation (terminal): operation_aborted. Only closing makes sense then.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
    return initiate<void(std::error_code, std::size_t)>(std::forward<Token>(token), tls_write(), buffers);
  }
  /// Ends this direction: the peer reads EOF behind what was written. Not while a write is pending.
  /// Signature: void(std::error_code). Completes when the stream below has taken close_notify.
  /// Errors: as async_handshake().
  /// Cancellation (terminal): operation_aborted. Only closing makes sense then.
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return initiate<void(std::error_code)>(std::forward<Token>(token), tls_shutdown());
  }

  /// The next write begins with new keys, if this is TLS 1.3. The peer is asked for the same if `both`. Keys
  /// change by themselves after 16,777,216 records (RFC 8446 section 5.5).
  void update_keys(bool both) noexcept { core_->engine.update_keys(both); }

  // --- for a protocol that leaves TLS behind a record of its choice

  /// From now on each read gets the text of one record at most, and opens nothing behind that record; or no
  /// longer.
  void read_one_record_at_a_time(bool on = true) noexcept { core_->engine.open_one_at_a_time(on); }
  /// Bytes of text that a read would get at once.
  std::size_t opened() const noexcept { return core_->engine.opened(); }
  /// Bytes of the stream below that are not opened.
  const_bytes unopened() const noexcept { return core_->engine.unopened(); }
  /// This stream reads no more: the bytes of unopened() come before those that next_layer() reads. Text that
  /// is opened is lost. Not while a read is pending.
  std::vector<std::byte> stop_reading() { return core_->engine.take_unopened(); }
  /// This stream writes no more, not even close_notify: next_layer() does. Not while a write is pending.
  void stop_writing() noexcept { core_->engine.mute(); }

 private:
  struct start {
    using executor_type = typename Next::executor_type;
    std::shared_ptr<core> of;

    executor_type get_executor() const noexcept { return of->executor; }
    template <class Handler, class Task, class... Text>
    void operator()(Handler&& handler, Task task, const Text&... text) const {
      (task.begin(*of, text), ...);
      tls_operation<core, Task, std::decay_t<Handler>> op(of, std::move(task),
                                                          std::forward<Handler>(handler));
      std::move(op).begin();
    }
  };
  template <class Signature, class Token, class Task, class... Text>
  auto initiate(Token&& token, Task task, const Text&... text) {
    return asio::async_initiate<Token, Signature>(start{core_}, token, std::move(task), text...);
  }

  std::shared_ptr<core> core_;
};

}  // namespace muxpro::proxy
