#include "proxy/transport/xhttp.hpp"

#include "proxy/net/random_in.hpp"
#include "proxy/transport/http1_server.hpp"
#include "proxy/transport/xhttp_client.hpp"
#include "proxy/xhttp/part_data.hpp"

#include <asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

http2_options xhttp_http2(const xhttp_options& o, const xhttp_connection_options& w) {
  http2_options out;
  out.head_bytes = o.head_bytes;
  out.ping_after = w.ping_after;
  return out;
}

}  // namespace

xhttp_transport::xhttp_transport(xhttp_options o, xhttp_connection_options w)
    : options_(std::move(o)),
      connection_options_(std::move(w)),
      http2_(xhttp_http2(options_, connection_options_)),
      pools_(http2_, options_.xmux),
      server_(options_) {}

std::shared_ptr<http_requests> xhttp_transport::requests(const asio::any_io_executor& executor,
                                                         opener below) const {
  if (!connection_options_.http2) {
    auto pool = kept_.of(executor, [&] { return std::make_shared<http1_pool>(executor, options_.xmux); });
    return make_http1_requests(std::move(pool), std::move(below));
  }
  return make_http2_requests(pools_.of(executor), std::move(below));
}

http_request xhttp_transport::ask(xhttp_purpose p, const std::string& session) const {
  xhttp_question q;
  q.what = p;
  q.session = session;
  q.secure = connection_options_.secure;
  q.padding = random_in(options_.padding);
  return xhttp_request(q, options_);
}

std::size_t xhttp_transport::part_size() const {
  const std::size_t most = random_in(options_.post_bytes);
  return puts_data_in_head(options_) ? std::min(most, most_data_in_head(options_)) : most;
}

asio::awaitable<std::shared_ptr<connection>> xhttp_transport::dial_download(std::shared_ptr<http_requests> by,
                                                                            std::string session,
                                                                            std::error_code& ec) const {
  if (connection_options_.download_by) {
    opener below = [from = connection_options_.download_from](std::error_code& why) {
      return from->dial(why);
    };
    const auto executor = co_await asio::this_coro::executor;
    const auto elsewhere = connection_options_.download_by->requests(executor, std::move(below));
    http_request request = connection_options_.download_by->ask(xhttp_purpose::download, session);
    co_return co_await elsewhere->send(std::move(request), ec);
  }
  http_request request = ask(xhttp_purpose::download, session);
  co_return co_await by->send(std::move(request), ec);
}

asio::awaitable<std::shared_ptr<connection>> xhttp_transport::dial(opener below, std::error_code& ec) const {
  const auto executor = co_await asio::this_coro::executor;
  const auto by = requests(executor, std::move(below));
  const xhttp_mode mode =
      chosen_mode(options_.mode, connection_options_.reality, connection_options_.download_by != nullptr);
  if (mode == xhttp_mode::stream_one) {
    http_request request = ask(xhttp_purpose::both, {});
    co_return co_await by->send(std::move(request), ec);
  }
  const std::string session = new_xhttp_session(options_);
  auto down = co_await dial_download(by, session, ec);
  if (ec) co_return nullptr;
  if (mode == xhttp_mode::stream_up) {
    http_request request = ask(xhttp_purpose::upload, session);
    auto up = co_await by->send(std::move(request), ec);
    if (ec) co_return nullptr;
    co_return join_stream_up(std::move(down), std::move(up));
  }
  auto request_of_part = [o = options_, secure = connection_options_.secure, session](std::uint64_t n,
                                                                                      const_bytes part) {
    xhttp_question q;
    q.what = xhttp_purpose::post;
    q.session = session;
    q.number = std::to_string(n);
    q.secure = secure;
    q.padding = random_in(o.padding);
    q.part = part;
    q.chunk = random_in(o.data_chunk);
    return xhttp_request(q, o);
  };
  co_return join_packet_up(std::move(down), by, std::move(request_of_part), part_size(),
                           options_.post_interval_ms);
}

asio::awaitable<std::shared_ptr<connection>> xhttp_transport::open(std::shared_ptr<connection> below,
                                                                   std::error_code& ec) const {
  http_request request = ask(xhttp_purpose::both, {});
  if (connection_options_.http2) {
    const auto c = start_http2_client(std::move(below), http2_);
    co_return send_over_http2(*c, request);
  }
  const auto exchange = http1_exchange::asking(std::move(below), request, false, {});
  co_await exchange->begin(ec);
  if (ec) co_return nullptr;
  co_return make_connection(coroutine_stream(exchange));
}

}  // namespace muxpro::proxy
