// A client of Xray's API: calls of gRPC over HTTP/2, one connection for each.
#pragma once

#include "configured.hpp"

#include "proxy/api/call.hpp"
#include "proxy/base/proto_writer.hpp"
#include "proxy/transport/http2_connection.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api_test {

using namespace muxpro;
using namespace muxpro::proxy;
using asio::ip::tcp;
using test::as_result;

struct api_reply {
  std::string head;     ///< of HTTP
  std::string status;   ///< of gRPC
  std::string message;  ///< of gRPC, if the call has failed
  std::string body;     ///< without its frame
};

class reply_body final : public http2_body {
 public:
  explicit reply_body(std::shared_ptr<api_reply> to) : to_(std::move(to)) {}
  std::error_code judge(const http2_head& h) const override {
    if (!h[":status"].empty()) to_->head = h[":status"];
    if (!h["grpc-status"].empty()) to_->status = h["grpc-status"];
    if (!h["grpc-message"].empty()) to_->message = h["grpc-message"];
    return {};
  }

 private:
  const std::shared_ptr<api_reply> to_;
};

inline asio::awaitable<void> run_client(std::shared_ptr<http2_connection> c) {
  std::error_code ignored;
  co_await c->run(ignored);
}

/// `sent`: the bytes of the stream.
inline asio::awaitable<api_reply> send_call(tcp::socket s, tcp::endpoint at, http2_head head,
                                            std::string sent) {
  co_await s.async_connect(at, asio::use_awaitable);
  const auto executor = s.get_executor();
  const auto c =
      std::make_shared<http2_connection>(make_connection(std::move(s)), role::client, http2_options());
  asio::co_spawn(executor, run_client(c), [](std::exception_ptr) {});
  const auto reply = std::make_shared<api_reply>();
  http2_stream stream = c->request(head, std::make_unique<reply_body>(reply));
  const auto [unsent, n] = co_await asio::async_write(stream, asio::buffer(sent), as_result);
  if (!unsent) co_await stream.async_shutdown(asio::use_awaitable);
  std::string heard;
  std::vector<char> room(16384);
  for (;;) {
    const auto [error, got] = co_await stream.async_read_some(asio::buffer(room), as_result);
    heard.append(room.data(), got);
    if (error) break;
  }
  if (heard.size() > 5) reply->body = heard.substr(5);
  c->cut();
  co_return *reply;
}

inline http2_head call_head(std::string_view path) {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", std::string(path)},
          {":authority", "test"},
          {"content-type", "application/grpc"},
          {"te", "trailers"}};
}

struct api_client {
  api_reply call(std::string_view path, std::string_view message = {}) {
    return test::run(io, send_call(tcp::socket(io), at, call_head(path), framed_message(message)));
  }
  /// "0", or "CODE: MESSAGE".
  std::string outcome(std::string_view path, std::string_view message = {}) {
    const api_reply r = call(path, message);
    return r.message.empty() ? r.status : r.status + ": " + r.message;
  }
  std::string stats(std::string_view method, std::string_view message = {}) {
    return outcome("/xray.app.stats.command.StatsService/" + std::string(method), message);
  }
  std::string handler(std::string_view method, std::string_view message = {}) {
    return outcome("/xray.app.proxyman.command.HandlerService/" + std::string(method), message);
  }
  std::string routing(std::string_view method, std::string_view message = {}) {
    return outcome("/xray.app.router.command.RoutingService/" + std::string(method), message);
  }

  asio::io_context& io;
  tcp::endpoint at;
};

inline std::string typed(std::string_view type, std::string_view value) {
  proto_writer out;
  return out.text(1, type).text(2, value).take();
}

inline std::string text_message(std::uint32_t field, std::string_view text) {
  proto_writer out;
  return out.text(field, text).take();
}

}  // namespace api_test
