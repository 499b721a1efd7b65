// xhttp_transport::accept(): receives the requests of an XHTTP server.
#include "proxy/base/byte_reader.hpp"
#include "proxy/net/read_more.hpp"
#include "proxy/transport/xhttp.hpp"
#include "proxy/websocket/upgrade.hpp"

#include "proxy/base/text.hpp"

#include <asio/error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

/// A request of HTTP/1.1 has no such method.
constexpr std::string_view http2_beginning = "PRI";

/// Reads until the version of HTTP that the client uses is clear.
asio::awaitable<std::vector<std::byte>> read_beginning(std::shared_ptr<connection> c, std::error_code& ec) {
  const deadline late(c, http2_options().handshake);
  std::vector<std::byte> got;
  do {
    co_await read_more(*c, got, 2048, ec);
  } while (!ec && got.size() < http2_beginning.size() && http2_beginning.starts_with(as_text(got)));
  if (ec && late.expired()) ec = asio::error::timed_out;
  co_return got;
}

// --- HTTP/1.1

class http1_call final : public xhttp_call {
 public:
  http1_call(http_request r, std::shared_ptr<http1_exchange> e)
      : xhttp_call(std::move(r)), exchange_(std::move(e)) {}

  void refuse(unsigned status, std::vector<http_field> fields) override {
    asio::co_spawn(exchange_->get_executor(), exchange_->refuse(status, std::move(fields)),
                   [e = exchange_](std::exception_ptr) {});
  }
  std::shared_ptr<connection> accept(std::vector<http_field> fields, std::function<void()> gone) override {
    exchange_->answer(fields);
    if (gone) exchange_->watch(std::move(gone));
    return make_connection(coroutine_stream(exchange_));
  }
  asio::awaitable<void> begin(std::error_code& ec) override { return exchange_->begin(ec); }

 private:
  const std::shared_ptr<http1_exchange> exchange_;
};

// --- HTTP/2

class watched_body final : public http2_body {
 public:
  explicit watched_body(std::function<void()> gone) : gone_(std::move(gone)) {}
  void cut() noexcept override {
    if (const auto gone = std::exchange(gone_, nullptr)) gone();
  }

 private:
  std::function<void()> gone_;
};

http_request request_in(const http2_head& head) {
  http_request r;
  r.method = head[":method"];
  r.path = head[":path"];
  if (!head[":authority"].empty()) r.fields.push_back({"host", std::string(head[":authority"])});
  for (const auto& [name, value] : head.fields())
    if (!name.starts_with(':')) r.fields.push_back({name, value});
  r.body = {http_framing::kind::chunked, 0};
  if (const auto n = number<std::uint64_t>(head["content-length"])) r.body = {http_framing::kind::length, *n};
  return r;
}

http2_head answer_of(unsigned status, const std::vector<http_field>& fields) {
  http2_head out{{":status", std::to_string(status)}};
  for (const http_field& f : fields) out.add(lower_case(f.name), f.value);
  return out;
}

class http2_call final : public xhttp_call {
 public:
  http2_call(std::shared_ptr<http2_connection> c, http2_request r)
      : xhttp_call(request_in(r.head)), connection_(std::move(c)), request_(std::move(r)) {}

  void refuse(unsigned status, std::vector<http_field> fields) override {
    connection_->refuse(request_, answer_of(status, fields));
  }
  std::shared_ptr<connection> accept(std::vector<http_field> fields, std::function<void()> gone) override {
    return make_connection(connection_->accept(request_, answer_of(200, fields),
                                               std::make_unique<watched_body>(std::move(gone))));
  }

 private:
  const std::shared_ptr<http2_connection> connection_;
  const http2_request request_;
};

}  // namespace

asio::awaitable<void> xhttp_transport::accept(std::shared_ptr<connection> below, server serve,
                                              std::error_code& ec) const {
  std::vector<std::byte> early = co_await read_beginning(below, ec);
  if (ec) co_return below->close();
  const auto work = std::make_shared<served_connections>(below->get_executor(), serve);
  xhttp_server::place at(work, std::move(serve), below);
  std::optional<bool> served;  ///< whether a request was; without a value no client has asked
  if (as_text(early).starts_with(http2_beginning))
    co_await accept_http2(std::move(below), std::move(early), std::move(at), served, ec);
  else
    co_await accept_http1(std::move(below), std::move(early), std::move(at), served, ec);
  if (served == false && (!ec || ec == asio::error::eof)) ec = upgrade_errc::wrong_place;
  co_await work->all_ended();
}

asio::awaitable<void> xhttp_transport::accept_http1(std::shared_ptr<connection> below,
                                                    std::vector<std::byte> early, xhttp_server::place at,
                                                    std::optional<bool>& served, std::error_code& ec) const {
  auto take = [&](http_request r, std::shared_ptr<http1_exchange> e) {
    const bool taken = server_.take(std::make_shared<http1_call>(std::move(r), std::move(e)), at);
    served = served.value_or(false) || taken;
  };
  const http_head_limits limits{options_.head_bytes, http_head_limits().fields};
  const auto s = std::make_shared<http1_server>(std::move(below), limits, std::move(take));
  of_http1_.add(s);
  co_await s->run(ec, std::move(early));
}

asio::awaitable<void> xhttp_transport::accept_http2(std::shared_ptr<connection> below,
                                                    std::vector<std::byte> early, xhttp_server::place at,
                                                    std::optional<bool>& served, std::error_code& ec) const {
  auto take = [&](http2_connection& c, http2_request r) {
    const bool taken = server_.take(std::make_shared<http2_call>(c.shared_from_this(), std::move(r)), at);
    served = served.value_or(false) || taken;
  };
  const auto c = std::make_shared<http2_connection>(std::move(below), role::server, http2_, std::move(take));
  of_http2_.add(c);
  co_await c->run(ec, std::move(early));
}

}  // namespace muxpro::proxy
