#include "proxy/transport/http_requests.hpp"

#include "proxy/base/text.hpp"
#include "proxy/http/target.hpp"
#include "proxy/transport/http1_exchange.hpp"

#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

// --- HTTP/1.1

class http1_requests final : public http_requests, public std::enable_shared_from_this<http1_requests> {
 public:
  http1_requests(std::shared_ptr<http1_pool> pool, transport::opener below)
      : pool_(std::move(pool)), below_(std::move(below)) {}
  asio::awaitable<std::shared_ptr<connection>> send(http_request r, std::error_code& ec) override;
  std::size_t most_at_a_time() const noexcept override { return 4; }

 private:
  using exchange_ptr = std::shared_ptr<http1_exchange>;
  asio::awaitable<exchange_ptr> send_again(const http_request& r, std::error_code& ec);
  asio::awaitable<exchange_ptr> send_first(const http_request& r, std::error_code& ec);
  exchange_ptr exchange_over(std::shared_ptr<connection> c, const http_request& r, bool again) const;

  const std::shared_ptr<http1_pool> pool_;
  const transport::opener below_;
  std::shared_ptr<http1_use> use_;
};

/// Whether another request may follow on its connection.
bool may_follow(const http_request& r) noexcept { return r.body.what == http_framing::kind::length; }

// If the server has closed a connection, the other idle ones are dropped, too, because it may have closed
// them.
http1_requests::exchange_ptr http1_requests::exchange_over(std::shared_ptr<connection> c,
                                                           const http_request& r, bool again) const {
  http1_exchange::ending over = [pool = std::weak_ptr(pool_), use = use_, c, again](
                                    bool keeps, std::vector<std::byte> behind) {
    const auto to = pool.lock();
    if (to && keeps && behind.empty())
      to->keep(*use->group, c);
    else if (again)
      use->group->close_idle();
  };
  return http1_exchange::asking(std::move(c), r, may_follow(r), std::move(over));
}

/// Sends on an idle connection, which the server may have closed. Returns null if there is no idle
/// connection, or it has failed.
asio::awaitable<http1_requests::exchange_ptr> http1_requests::send_again(const http_request& r,
                                                                         std::error_code& ec) {
  auto idle = may_follow(r) ? use_->group->take_idle() : nullptr;
  if (!idle) co_return nullptr;
  auto made = exchange_over(std::move(idle), r, true);
  co_await made->begin(ec);
  co_return ec ? nullptr : made;
}

asio::awaitable<http1_requests::exchange_ptr> http1_requests::send_first(const http_request& r,
                                                                         std::error_code& ec) {
  auto c = co_await below_(ec);
  if (ec) co_return nullptr;
  auto made = exchange_over(std::move(c), r, false);
  co_await made->begin(ec);
  co_return made;
}

asio::awaitable<std::shared_ptr<connection>> http1_requests::send(http_request r, std::error_code& ec) {
  const auto self = shared_from_this();
  if (!use_ || !use_->lasts()) use_ = pool_->get();
  use_->group->state.count_request();
  auto exchange = co_await send_again(r, ec);
  if (!exchange) {
    ec.clear();
    exchange = co_await send_first(r, ec);
  }
  if (ec) co_return nullptr;
  std::shared_ptr<connection> made = make_connection(coroutine_stream(std::move(exchange)));
  co_return made;
}

// --- HTTP/2

class keeping_body final : public http2_body {
 public:
  explicit keeping_body(std::shared_ptr<const void> kept) : kept_(std::move(kept)) {}

 private:
  const std::shared_ptr<const void> kept_;
};

http2_head head_of(const http_request& r, bool secure) {
  const http_field* const host = find_field(r.fields, "host");
  http2_head head{{":method", r.method},
                  {":scheme", secure ? "https" : "http"},
                  {":path", r.path},
                  {":authority", host ? host->value : std::string()}};
  for (const http_field& f : r.fields)
    if (&f != host) head.add(lower_case(f.name), f.value);
  const bool has_length = r.body.what == http_framing::kind::length;
  if (has_length && (r.body.length > 0 || r.method != "GET"))
    head.add("content-length", std::to_string(r.body.length));
  return head;
}

class http2_requests final : public http_requests, public std::enable_shared_from_this<http2_requests> {
 public:
  http2_requests(std::shared_ptr<http2_pool> pool, transport::opener below)
      : pool_(std::move(pool)), below_(std::move(below)) {}
  asio::awaitable<std::shared_ptr<connection>> send(http_request r, std::error_code& ec) override;
  std::size_t most_at_a_time() const noexcept override { return 8; }

 private:
  const std::shared_ptr<http2_pool> pool_;
  const transport::opener below_;
  std::weak_ptr<http2_use> use_;  ///< of the last request
};

asio::awaitable<std::shared_ptr<connection>> http2_requests::send(http_request r, std::error_code& ec) {
  const auto self = shared_from_this();
  auto use = use_.lock();
  if (!use || !use->lasts()) {
    transport::opener below = below_;
    use = co_await pool_->get(std::move(below), ec);
  }
  const auto c = use ? use->for_request() : nullptr;
  if (!c && !ec) ec = http2_errc::refused_stream;
  if (ec) co_return nullptr;
  use_ = use;
  co_return send_over_http2(*c, r, use);
}

}  // namespace

std::shared_ptr<http_requests> make_http1_requests(std::shared_ptr<http1_pool> pool,
                                                   transport::opener below) {
  return std::make_shared<http1_requests>(std::move(pool), std::move(below));
}

std::shared_ptr<http_requests> make_http2_requests(std::shared_ptr<http2_pool> pool,
                                                   transport::opener below) {
  return std::make_shared<http2_requests>(std::move(pool), std::move(below));
}

std::shared_ptr<connection> send_over_http2(http2_connection& c, const http_request& r,
                                            std::shared_ptr<const void> kept) {
  const bool sends = r.body.what == http_framing::kind::chunked || r.body.length > 0;
  return make_connection(
      c.request(head_of(r, c.is_secure()), std::make_unique<keeping_body>(std::move(kept)), sends));
}

}  // namespace muxpro::proxy
