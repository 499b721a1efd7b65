#include "proxy/transport/xhttp_client.hpp"

#include "proxy/net/idle_timer.hpp"
#include "proxy/transport/coroutine_stream.hpp"

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

namespace {

/// How long a connection that was closed waits for the server to see the end of the upload, and then to end
/// the download. An earlier end of the download would end the upload, too.
constexpr auto upload_linger = std::chrono::seconds(30), download_linger = std::chrono::seconds(2);

class xhttp_client_stream : public stream_coroutines,
                            public std::enable_shared_from_this<xhttp_client_stream> {
 public:
  explicit xhttp_client_stream(std::shared_ptr<connection> down) : down_(std::move(down)) {}

  asio::any_io_executor get_executor() override { return down_->get_executor(); }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) override {
    const auto self = shared_from_this();
    const std::size_t n = co_await down_->read_some(into, ec);
    if (ec && failure_) ec = failure_;
    if (ec) down_ended_ = true;
    co_return n;
  }
  asio::awaitable<void> finish() override {
    const auto self = shared_from_this();
    finished_ = true;
    co_await finish_up();
  }
  void cut(end_code code) noexcept override {
    cut_up();
    down_->cut(code);
  }
  void close() noexcept override try {
    if (!finished_) return cut(end_code::remote_disconnect);
    if (std::exchange(closed_, true)) return;
    asio::co_spawn(get_executor(), leave(shared_from_this()), [](std::exception_ptr) {});
  } catch (...) {
    cut(end_code::remote_disconnect);
  }
  /// The upload is broken.
  void fail(std::error_code why) noexcept {
    failure_ = why;
    down_->cut();
  }

 private:
  virtual asio::awaitable<void> finish_up() = 0;
  virtual void cut_up() noexcept = 0;
  /// Completes when the server has all of the upload.
  virtual asio::awaitable<void> sent_up() = 0;

  static asio::awaitable<void> leave(std::shared_ptr<xhttp_client_stream> self) {
    {
      const idle_timer limit(self->get_executor(), upload_linger,
                             [s = self.get()] { s->cut(end_code::timeout); });
      co_await self->sent_up();
    }
    const deadline limit(self->down_, download_linger);
    std::array<std::byte, 512> dropped;
    std::error_code ec;
    while (!ec && !self->down_ended_) co_await self->down_->read_some(asio::buffer(dropped), ec);
    self->cut_up();
    self->down_->close();
  }

  const std::shared_ptr<connection> down_;
  bool finished_ = false, closed_ = false, down_ended_ = false;
  std::error_code failure_;
};

class stream_up_stream final : public xhttp_client_stream {
 public:
  stream_up_stream(std::shared_ptr<connection> down, std::shared_ptr<connection> up)
      : xhttp_client_stream(std::move(down)), up_(std::move(up)) {}
  ~stream_up_stream() override { up_->close(); }

  void start() {
    const std::weak_ptr<xhttp_client_stream> self = shared_from_this();
    asio::co_spawn(get_executor(), read_answer(up_, self), [](std::exception_ptr) {});
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) override {
    return up_->write(from, ec);
  }

 private:
  /// The server's padding.
  static asio::awaitable<void> read_answer(std::shared_ptr<connection> up,
                                           std::weak_ptr<xhttp_client_stream> of) {
    std::array<std::byte, 1024> dropped;
    std::error_code ec;
    while (!ec) co_await up->read_some(asio::buffer(dropped), ec);
    const bool ours = ec == asio::error::eof || ec == asio::error::operation_aborted;
    if (const auto self = of.lock(); self && !ours) self->fail(ec);
  }
  asio::awaitable<void> finish_up() override { return up_->finish(); }
  void cut_up() noexcept override { up_->cut(); }
  asio::awaitable<void> sent_up() override { co_return; }

  const std::shared_ptr<connection> up_;
};

class packet_up_stream final : public xhttp_client_stream {
 public:
  explicit packet_up_stream(std::shared_ptr<connection> down) : xhttp_client_stream(std::move(down)) {}
  ~packet_up_stream() override {
    if (posts_) posts_->cut();
  }

  void start(std::shared_ptr<http_requests> by, xhttp_posts::asker ask, std::size_t most,
             number_range pause_ms) {
    auto failed = [weak = weak_from_this()](std::error_code why) {
      if (const auto self = weak.lock()) self->fail(why);
    };
    posts_ = std::make_shared<xhttp_posts>(get_executor(), std::move(by), std::move(ask), most, pause_ms,
                                           std::move(failed));
    posts_->start();
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) override {
    return posts_->write(from, ec);
  }

 private:
  asio::awaitable<void> finish_up() override {
    posts_->finish();
    co_return;
  }
  void cut_up() noexcept override { posts_->cut(); }
  asio::awaitable<void> sent_up() override { return posts_->sent(); }

  std::shared_ptr<xhttp_posts> posts_;
};

}  // namespace

std::shared_ptr<connection> join_stream_up(std::shared_ptr<connection> down, std::shared_ptr<connection> up) {
  const auto joined = std::make_shared<stream_up_stream>(std::move(down), std::move(up));
  joined->start();
  return make_connection(coroutine_stream(joined));
}

std::shared_ptr<connection> join_packet_up(std::shared_ptr<connection> down,
                                           std::shared_ptr<http_requests> by, xhttp_posts::asker ask,
                                           std::size_t most, number_range pause_ms) {
  const auto joined = std::make_shared<packet_up_stream>(std::move(down));
  joined->start(std::move(by), std::move(ask), most, pause_ms);
  return make_connection(coroutine_stream(joined));
}

}  // namespace muxpro::proxy
