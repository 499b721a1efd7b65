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
  explicit http1_requests(transport::opener below) : below_(std::move(below)) {}
  asio::awaitable<std::shared_ptr<connection>> send(http_request r, std::error_code& ec) override;
  std::size_t most_at_a_time() const noexcept override { return 4; }

 private:
  asio::awaitable<std::shared_ptr<http1_exchange>> begin(const http_request& r, bool kept,
                                                         std::error_code& ec);
  std::shared_ptr<connection> take_idle();

  const transport::opener below_;
  std::vector<std::shared_ptr<connection>> idle_;
};

std::shared_ptr<connection> http1_requests::take_idle() {
  if (idle_.empty()) return nullptr;
  auto c = std::move(idle_.back());
  idle_.pop_back();
  return c;
}

asio::awaitable<std::shared_ptr<http1_exchange>> http1_requests::begin(const http_request& r, bool kept,
                                                                       std::error_code& ec) {
  std::shared_ptr<connection> c;
  const bool follows = r.body.what == http_framing::kind::length;
  if (kept && follows) c = take_idle();
  if (!c) c = co_await below_(ec);
  if (ec) co_return nullptr;
  http1_exchange::ending over = [weak = weak_from_this(), c](bool keeps, std::vector<std::byte> behind) {
    if (const auto self = weak.lock(); self && keeps && behind.empty()) self->idle_.push_back(c);
  };
  auto made = http1_exchange::asking(c, r, follows, std::move(over));
  co_await made->begin(ec);
  co_return made;
}

// The server may have closed an idle connection.
asio::awaitable<std::shared_ptr<connection>> http1_requests::send(http_request r, std::error_code& ec) {
  const auto self = shared_from_this();
  const bool kept = !idle_.empty();
  auto exchange = co_await begin(r, true, ec);
  if (ec && kept) {
    ec.clear();
    exchange = co_await begin(r, false, ec);
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

std::shared_ptr<http_requests> make_http1_requests(transport::opener below) {
  return std::make_shared<http1_requests>(std::move(below));
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
