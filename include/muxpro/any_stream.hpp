// any_stream, a stream whose type is erased, with the functions that async_relay() needs behind one virtual
// interface. Ring 3.
#pragma once

#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/loop.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/detail/sink.hpp>
#include <muxpro/detail/stream_end.hpp>

#include <asio/socket_base.hpp>

#include <cstddef>
#include <utility>

namespace muxpro {

namespace detail {

template <plain_socket Socket>
void wait_for_room(Socket& s, transfer_step done) {
  s.async_wait(asio::socket_base::wait_write, std::move(done));
}

template <class Stream, class Access = relay_access<Stream>>
requires requires(Stream& s, const write_buffers& data, error_code& ec) { Access::write_now(s, data, ec); }
std::size_t write_now(Stream& s, const write_buffers& data, error_code& ec) {
  return Access::write_now(s, data, ec);
}
template <class Stream, class Access = relay_access<Stream>>
requires requires(Stream& s, transfer_step done) { Access::wait_for_room(s, std::move(done)); }
void wait_for_room(Stream& s, transfer_step done) { Access::wait_for_room(s, std::move(done)); }

template <class From>
concept flows_out = requires(From& from, sink& to, transfer_step done) {
  relay_access<From>::flow(from, to, std::move(done));
};
template <class To>
concept waits_for_room = requires(To& to, transfer_step done) {
  wait_for_room(to, std::move(done));
};
template <class To>
concept takes_at_once = waits_for_room<To> && requires(To& to, error_code& ec) {
  write_now(to, write_buffers(), ec);
};

}  // namespace detail

/// Erases the type of a stream for async_relay(). A relay of two of them makes a virtual call for each read
/// and write, and needs no code of its own for each pair of types. The relay calls its members.
class any_stream {
 public:
  using executor_type = asio::any_io_executor;

  any_stream() = default;
  any_stream(const any_stream&) = delete;
  virtual ~any_stream() = default;
  virtual executor_type get_executor() = 0;
  /// Returns false if the stream is an empty handle.
  virtual bool valid() const noexcept = 0;

  virtual void take(detail::relay_buffer& to, detail::transfer_step done) = 0;
  virtual void give(detail::relay_buffer& from, detail::transfer_step done) = 0;
  virtual void async_write_some(asio::const_buffer from, detail::transfer_step done) = 0;
  virtual void async_shutdown(detail::transfer_step done) = 0;

  /// Whether flow() exists, and whether write_now() and wait_for_room() do.
  virtual bool flows_out() const noexcept = 0;
  virtual bool takes_at_once() const noexcept = 0;
  virtual void flow(detail::sink& to, detail::transfer_step done) = 0;
  virtual std::size_t write_now(const detail::write_buffers& from, error_code& ec) = 0;
  virtual void wait_for_room(detail::transfer_step done) = 0;

  /// Whether the next two exist, by which a read waits without memory.
  virtual bool reads_when_ready() const noexcept = 0;
  virtual std::size_t read_now(bytes into, error_code& ec) = 0;
  virtual void wait_for_bytes(detail::transfer_step done) = 0;

  /// As those of relay_access. Returns -1 without a descriptor.
  virtual int socket_of_reads() noexcept = 0;
  virtual int socket_of_writes() noexcept = 0;

  virtual void end(detail::stream_ending how, end_code code) noexcept = 0;
  virtual std::size_t undelivered() noexcept = 0;
  /// Whether the lowest layer is a socket, whose kernel discards what it has not delivered at a reset.
  virtual bool over_socket() const noexcept = 0;
  /// Whether EOF is a message of the peer.
  virtual bool has_goodbye() const noexcept = 0;
};

/// Refers to `stream`, which must outlive it.
template <async_stream Stream>
class any_stream_over final : public any_stream {
 public:
  explicit any_stream_over(Stream& stream) noexcept : stream_(stream) {}

  executor_type get_executor() override { return stream_.get_executor(); }
  bool valid() const noexcept override { return detail::is_usable(stream_); }

  void take(detail::relay_buffer& to, detail::transfer_step done) override {
    detail::take(stream_, to, std::move(done));
  }
  void give(detail::relay_buffer& from, detail::transfer_step done) override {
    detail::give(stream_, from, std::move(done));
  }
  void async_write_some(asio::const_buffer from, detail::transfer_step done) override {
    stream_.async_write_some(from, std::move(done));
  }
  void async_shutdown(detail::transfer_step done) override {
    if constexpr (detail::shuts_down_in_time<Stream>) {
      detail::initiate_eof<Stream>{&stream_}(std::move(done));
    } else {
      detail::pass_eof_at_once(stream_);
      done(error_code());
    }
  }

  bool flows_out() const noexcept override { return detail::flows_out<Stream>; }
  bool takes_at_once() const noexcept override { return detail::takes_at_once<Stream>; }
  void flow([[maybe_unused]] detail::sink& to, [[maybe_unused]] detail::transfer_step done) override {
    if constexpr (detail::flows_out<Stream>) detail::relay_access<Stream>::flow(stream_, to, std::move(done));
  }
  std::size_t write_now([[maybe_unused]] const detail::write_buffers& from,
                        [[maybe_unused]] error_code& ec) override {
    if constexpr (detail::takes_at_once<Stream>) return detail::write_now(stream_, from, ec);
    return 0;
  }
  void wait_for_room([[maybe_unused]] detail::transfer_step done) override {
    if constexpr (detail::waits_for_room<Stream>) detail::wait_for_room(stream_, std::move(done));
  }

  bool reads_when_ready() const noexcept override { return detail::reads_when_ready<Stream>; }
  std::size_t read_now([[maybe_unused]] bytes into, [[maybe_unused]] error_code& ec) override {
    if constexpr (detail::reads_when_ready<Stream>) return detail::read_now(stream_, into, ec);
    return 0;
  }
  void wait_for_bytes([[maybe_unused]] detail::transfer_step done) override {
    if constexpr (detail::reads_when_ready<Stream>) detail::wait_for_bytes(stream_, std::move(done));
  }
  int socket_of_reads() noexcept override {
    if constexpr (requires { detail::socket_of_reads(stream_); }) return detail::socket_of_reads(stream_);
    return -1;
  }
  int socket_of_writes() noexcept override {
    if constexpr (requires { detail::socket_of_writes(stream_); }) return detail::socket_of_writes(stream_);
    return -1;
  }

  void end(detail::stream_ending how, end_code code) noexcept override {
    detail::end_stream(stream_, how, code);
  }
  std::size_t undelivered() noexcept override { return detail::undelivered(stream_); }
  bool over_socket() const noexcept override { return detail::over_socket<Stream>(); }
  bool has_goodbye() const noexcept override { return detail::has_close_notify<Stream>; }

 private:
  Stream& stream_;
};

namespace detail {

template <>
struct relay_access<any_stream> {
  static void take(any_stream& s, relay_buffer& to, transfer_step done) { s.take(to, std::move(done)); }
  static void give(any_stream& s, relay_buffer& from, transfer_step done) { s.give(from, std::move(done)); }
  static void flow(any_stream& s, sink& to, transfer_step done) { s.flow(to, std::move(done)); }
  static std::size_t write_now(any_stream& s, const write_buffers& from, error_code& ec) {
    return s.write_now(from, ec);
  }
  static void wait_for_room(any_stream& s, transfer_step done) { s.wait_for_room(std::move(done)); }
  static std::size_t read_now(any_stream& s, bytes into, error_code& ec) { return s.read_now(into, ec); }
  static void wait_for_bytes(any_stream& s, transfer_step done) { s.wait_for_bytes(std::move(done)); }
  static int socket_of_reads(any_stream& s) noexcept { return s.socket_of_reads(); }
  static int socket_of_writes(any_stream& s) noexcept { return s.socket_of_writes(); }
};

inline bool is_usable(const any_stream& s) noexcept { return s.valid(); }
inline void end_stream(any_stream& s, stream_ending how, end_code code) noexcept { s.end(how, code); }

}  // namespace detail
}  // namespace muxpro
