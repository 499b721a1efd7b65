// The next layer of a session, with its type erased. A read or write of the main connection costs one virtual
// call.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/layers.hpp>
#include <muxpro/detail/loop.hpp>
#include <muxpro/detail/pass_eof.hpp>
#include <muxpro/detail/relay_access.hpp>

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace muxpro {

namespace detail {

/// A gather list as a buffer sequence of its own, so that copies of it are two pointers.
class gather_list {
 public:
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;

  explicit gather_list(std::span<const asio::const_buffer> list) noexcept : list_(list) {}
  const_iterator begin() const noexcept { return list_.data(); }
  const_iterator end() const noexcept { return list_.data() + list_.size(); }

 private:
  std::span<const asio::const_buffer> list_;
};

}  // namespace detail

/// A type that a session can run over. It models AsyncReadStream and AsyncWriteStream of Asio, with
/// completion handlers void(error_code, std::size_t). Asio's rule is that a handler is called by its executor
/// and never inside the call that starts the operation. A stream that breaks this rule works, too.
template <class T>
concept async_stream = requires(T& s, asio::mutable_buffer in, asio::const_buffer out,
                                detail::gather_list gather) {
  { s.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  s.async_read_some(in, asio::use_awaitable);
  s.async_write_some(out, asio::use_awaitable);
  { s.async_read_some(in, std::declval<detail::transfer_step>()) } -> std::same_as<void>;
  { s.async_write_some(gather, std::declval<detail::transfer_step>()) } -> std::same_as<void>;
};

namespace detail {

/// The name of a type as the compiler writes it, among other text.
template <class T>
constexpr std::string_view text_with_name() {
#if defined(_MSC_VER)
  return __FUNCSIG__;
#else
  return __PRETTY_FUNCTION__;
#endif
}

/// A type of Boost.Asio, or made of one, that is no stream of standalone Asio.
template <class T>
concept of_boost_asio =
    !async_stream<T> && text_with_name<T>().find("boost::asio::") != std::string_view::npos;

template <class T>
struct boost_asio_is_refused {
  static_assert(
      !of_boost_asio<T>,
      "muxpro uses standalone Asio (namespace asio): a stream of Boost.Asio (boost::asio) is a type of "
      "another library; build the stream with standalone Asio");
};

class byte_stream {
 public:
  virtual ~byte_stream() = default;
  /// The stream, or null if it is of another type.
  virtual void* next_layer(const std::type_info& type) noexcept = 0;
  /// The first layer of this type, from the stream down.
  virtual void* any_layer(const std::type_info& type) noexcept = 0;
  /// Returns an endpoint as text. Empty if there is no socket.
  virtual std::string endpoint(endpoint_of which) = 0;
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) = 0;
  virtual asio::awaitable<std::size_t> write_some(gather_list from, error_code& ec) = 0;
  /// `done` is called once, by its executor and never inside this call, or destroyed with its context.
  virtual void start_read(asio::mutable_buffer into, transfer_step done) = 0;
  virtual void start_write(gather_list from, transfer_step done) = 0;
  /// Whether it has the next two, by which a read waits without memory.
  virtual bool reads_when_ready() const noexcept = 0;
  virtual void wait_for_bytes(transfer_step done) = 0;
  /// `ec` is would_block if wait_for_bytes() comes first.
  virtual std::size_t read_now(bytes into, error_code& ec) = 0;
  /// Passes EOF on to the peer, behind what was written. A read may be pending, a write may not. Errors
  /// are ignored, because reads report them. A stream that has no EOF of its own completes at once.
  virtual void start_shutdown(transfer_step done) = 0;
  /// Whether the peer's EOF is distinct from a cut connection, as with TLS.
  virtual bool has_goodbye() const noexcept = 0;
  /// Whether start_shutdown() does anything.
  virtual bool has_eof() const noexcept = 0;
  /// Ends both directions. Pending operations complete with an error soon after.
  virtual void close() noexcept = 0;
};

/// Closes the stream, or its lowest layer, with or without an error_code.
template <class Stream>
void close_stream(Stream& s) {
  [[maybe_unused]] error_code ignored;
  if constexpr (requires { s.lowest_layer().close(ignored); })
    s.lowest_layer().close(ignored);
  else if constexpr (requires { s.lowest_layer().close(); })
    s.lowest_layer().close();
  else if constexpr (requires { s.close(ignored); })
    s.close(ignored);
  else if constexpr (requires { s.close(); })
    s.close();
}

/// Calls a step without results.
class completed_step {
 public:
  explicit completed_step(transfer_step done) noexcept : done_(std::move(done)) {}
  void operator()() { done_(error_code()); }

 private:
  transfer_step done_;
};

template <class Stream>
class byte_stream_over final : public byte_stream {
 public:
  explicit byte_stream_over(Stream stream) : stream_(std::move(stream)) {}

  void* next_layer(const std::type_info& type) noexcept override {
    return typeid(Stream) == type ? &stream_ : nullptr;
  }
  void* any_layer(const std::type_info& type) noexcept override { return layer_of_type(stream_, type); }
  std::string endpoint(endpoint_of which) override { return endpoint_text_of(stream_, which); }

  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) override {
    co_return co_await stream_.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
  }
  asio::awaitable<std::size_t> write_some(gather_list from, error_code& ec) override {
    co_return co_await stream_.async_write_some(from, asio::redirect_error(asio::use_awaitable, ec));
  }
  void start_read(asio::mutable_buffer into, transfer_step done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void start_write(gather_list from, transfer_step done) override {
    stream_.async_write_some(from, std::move(done));
  }
  bool reads_when_ready() const noexcept override { return detail::reads_when_ready<Stream>; }
  void wait_for_bytes([[maybe_unused]] transfer_step done) override {
    if constexpr (detail::reads_when_ready<Stream>) detail::wait_for_bytes(stream_, std::move(done));
  }
  std::size_t read_now([[maybe_unused]] bytes into, [[maybe_unused]] error_code& ec) override {
    if constexpr (detail::reads_when_ready<Stream>) return detail::read_now(stream_, into, ec);
    return 0;
  }
  void start_shutdown(transfer_step done) override {
    if constexpr (shuts_down_in_time<Stream>) {
      initiate_eof<Stream>{&stream_}(std::move(done));
    } else {
      pass_eof_at_once(stream_);
      asio::post(stream_.get_executor(), completed_step(std::move(done)));
    }
  }
  bool has_goodbye() const noexcept override { return has_close_notify<Stream>; }
  bool has_eof() const noexcept override { return shuts_down_at_once<Stream> || shuts_down_in_time<Stream>; }
  void close() noexcept override {
    try {
      close_stream(stream_);
    } catch (...) {
      // The operations end by cancellation.
    }
  }

 private:
  Stream stream_;
};

}  // namespace detail
}  // namespace muxpro
