// A session over a stream of one's own: anything that models Asio's AsyncReadStream and AsyncWriteStream will
// do. This one passes everything on to the next stream and prints what goes by: Mux.Pro on the wire.
#include <muxpro.hpp>
#include <muxpro/pipe.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <exception>
#include <string>
#include <utility>

namespace {

/// Needs only what is here: an executor, two operations, and close() or lowest_layer().
template <class Next>
class tracing_stream {
 public:
  using executor_type = typename Next::executor_type;
  using error_code = std::error_code;

  tracing_stream(Next next, std::string name) : next_(std::move(next)), name_(std::move(name)) {}

  executor_type get_executor() const noexcept { return next_.get_executor(); }
  void close() { next_.close(); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(reading<Buffers>{*this, into}, token,
                                                                     *this);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(writing<Buffers>{*this, from}, token,
                                                                     *this);
  }

 private:
  // The two operations: first call starts the next layer's, the second has its result.
  template <class Buffers>
  struct reading {
    tracing_stream& stream;
    Buffers into;

    template <class Self>
    void operator()(Self& self) {
      stream.next_.async_read_some(into, std::move(self));
    }
    template <class Self>
    void operator()(Self& self, error_code ec, std::size_t n) {
      stream.trace("reads ", into, n);
      self.complete(ec, n);
    }
  };

  template <class Buffers>
  struct writing {
    tracing_stream& stream;
    Buffers from;

    template <class Self>
    void operator()(Self& self) {
      stream.next_.async_write_some(from, std::move(self));
    }
    template <class Self>
    void operator()(Self& self, error_code ec, std::size_t n) {
      stream.trace("writes", from, n);
      self.complete(ec, n);
    }
  };

  template <class Buffers>
  void trace(const char* what, const Buffers& buffers, std::size_t n) const {
    std::string hex;
    for (auto i = asio::buffers_begin(buffers); n > 0; ++i, --n)
      hex += fmt::format("{:02x} ", static_cast<unsigned char>(*i));
    if (!hex.empty()) fmt::print("{} {} {}\n", name_, what, hex);
  }

  Next next_;
  std::string name_;
};

asio::awaitable<void> serve(muxpro::session& session) {
  muxpro::sub_stream stream = co_await session.async_accept();
  std::string word(4, '\0');
  co_await asio::async_read(stream, asio::buffer(word), asio::use_awaitable);
  co_await asio::async_write(stream, asio::buffer(word), asio::use_awaitable);
  co_await stream.async_shutdown();
}

asio::awaitable<void> call(muxpro::session& session) {
  muxpro::sub_stream stream = co_await session.async_open({{muxpro::network::tcp, "example.com", 80}});
  std::string word = "ping";
  co_await asio::async_write(stream, asio::buffer(word), asio::use_awaitable);
  co_await stream.async_shutdown();
  co_await asio::async_read(stream, asio::buffer(word), asio::use_awaitable);
  fmt::print("the application reads '{}'\n", word);
  co_await session.async_drain();
  session.close();
}

void rethrow(std::exception_ptr e) {
  if (e) std::rethrow_exception(e);
}

}  // namespace

int main() try {
  asio::io_context io;
  auto [client_end, server_end] = muxpro::make_pipe(io.get_executor());
  tracing_stream<muxpro::pipe_end> traced(std::move(client_end), "client");
  muxpro::session client(std::move(traced), muxpro::role::client);
  muxpro::session server(std::move(server_end), muxpro::role::server);
  client.async_run(asio::detached);
  server.async_run(asio::detached);
  asio::co_spawn(io, call(client), rethrow);
  asio::co_spawn(io, serve(server), rethrow);
  io.run();
} catch (const std::exception& e) {
  fmt::print(stderr, "custom_transport: {}\n", e.what());
  return 1;
}
