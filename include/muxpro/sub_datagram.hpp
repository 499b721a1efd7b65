// sub_datagram, a UDP sub-stream that keeps the boundaries of datagrams, and under 0.1 their addresses. Ring
// 3.
#pragma once

#include <muxpro/sub_stream.hpp>

#include <cstddef>
#include <stdexcept>
#include <utility>

namespace muxpro {

/// Made from a sub_stream whose target is UDP, of either role. Use it on its session's strand.
///
/// Like UDP it drops datagrams instead of waiting. A datagram without credit is queued, up to
/// session_options::datagram_queue and datagram_queue_bytes, and dropped beyond that. The same applies to
/// datagrams that are not received in time. stats() counts both. Datagrams are never split or merged.
class sub_datagram {
 public:
  using executor_type = asio::any_io_executor;

  /// Empty, like a default-constructed sub_stream.
  sub_datagram() noexcept = default;
  /// Throws std::invalid_argument if the network of the sub-stream is not UDP.
  explicit sub_datagram(sub_stream stream) : stream_(std::move(stream)) {
    if (!stream_.is_open() || stream_.target().net != network::udp)
      throw std::invalid_argument("sub_datagram needs a sub-stream whose target is UDP");
  }

  executor_type get_executor() const noexcept { return stream_.get_executor(); }
  bool is_open() const noexcept { return stream_.is_open(); }
  bool valid() const noexcept { return stream_.valid(); }
  stream_id id() const noexcept { return stream_.id(); }
  const destination& target() const noexcept { return stream_.target(); }
  std::uint8_t priority() const noexcept { return stream_.priority(); }
  const std::optional<global_id>& source() const noexcept { return stream_.source(); }
  stream_stats stats() const { return stream_.stats(); }

  /// Sends one datagram, the whole of `data`. A client's datagram goes to the target of New, a server's comes
  /// from there.
  /// Signature: void(error_code, std::size_t bytes). Completes when it is queued or dropped.
  /// Errors: errc::datagram_too_large above 65507 bytes, already_shut_down, or the sub-stream's end.
  /// Cancellation has no effect, because it completes at once.
  template <class ConstBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_send(const ConstBufferSequence& data, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        initiate_send{{stream_.state_.get()}, false}, token, detail::whole_buffers<asio::const_buffer>(data),
        host_port());
  }

  /// Sends one datagram with an address, which is its target on a client, and its source on a server. Version
  /// 0.0 has no place for the address, so it is omitted. It fails with errc::bad_host for a name that cannot
  /// be sent. Otherwise as async_send().
  template <class ConstBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_send_to(const ConstBufferSequence& data, host_port address, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        initiate_send{{stream_.state_.get()}, true}, token, detail::whole_buffers<asio::const_buffer>(data),
        std::move(address));
  }

  /// Receives one datagram. `from` must live until then and gets its address, or the target of New.
  /// Signature: void(error_code, std::size_t bytes). Completes when there is a datagram.
  /// Errors: asio::error::message_size if `into` was too small (the rest is lost), asio::error::eof after the
  /// peer's End(0), an end_code, or why the session ended.
  /// Cancellation (any type): operation_aborted, no datagram is lost.
  template <class MutableBufferSequence, class Token = asio::use_awaitable_t<>>
  auto async_receive_from(const MutableBufferSequence& into, host_port& from, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        initiate_receive{{stream_.state_.get()}}, token, detail::whole_buffers<asio::mutable_buffer>(into),
        &from);
  }

  /// Sends End(0) behind the datagrams that the peer's credit covers. Those that wait for credit are dropped
  /// and counted. Otherwise as sub_stream::async_shutdown().
  template <class Token = asio::use_awaitable_t<>>
  auto async_shutdown(Token&& token = {}) {
    return stream_.async_shutdown(std::forward<Token>(token));
  }
  /// A pending async_receive_from() and async_shutdown() complete with operation_aborted, not inside this
  /// call.
  void cancel() { stream_.cancel(); }
  void reset(end_code code = end_code::remote_disconnect) { stream_.reset(code); }
  void close() { stream_.close(); }

 private:
  struct initiate_send : detail::initiation<detail::stream_state> {
    bool with_address;  // an optional address draws false alarms of g++ 12 in programs of users

    template <class Handler>
    void operator()(Handler&& handler, detail::whole_buffers<asio::const_buffer> data,
                    const host_port& to) const {
      auto* const s = object;
      if (!s) return detail::refuse<std::size_t>(std::forward<Handler>(handler));
      s->session()->operation_begins();
      const error_code ec = s->send_datagram(data, with_address ? &to : nullptr);
      detail::post_completion(std::forward<Handler>(handler), s->session()->executor(), ec,
                              ec ? std::size_t{0} : data.size());
    }
  };
  struct initiate_receive : detail::initiation<detail::stream_state> {
    template <class Handler>
    void operator()(Handler&& handler, detail::whole_buffers<asio::mutable_buffer> into,
                    host_port* from) const {
      auto* const s = object;
      if (!s) return detail::refuse<std::size_t>(std::forward<Handler>(handler));
      s->session()->operation_begins();
      const auto cancel = detail::cancel_by<&detail::stream_state::cancel_receive>(s);
      auto* const op = detail::make_pending_op<detail::receive_op>(
          std::forward<Handler>(handler), s->session()->executor(), cancel, std::move(into), *from);
      if (!s->receive_now(*op)) s->start_receive(op);
    }
  };

  sub_stream stream_;
};

}  // namespace muxpro
