#include "proxy/transport/http1_server.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/net/read_more.hpp"

#include <muxpro/one_shot.hpp>

#include <asio/error.hpp>

#include <chrono>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Absolute, for the first request, and for each of the others from the one before.
constexpr auto first_head = std::chrono::seconds(10), next_head = std::chrono::seconds(300);

/// To what is no request.
constexpr std::string_view no_request =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

struct http1_turn {
  one_shot over;
  bool keeps = false;
  std::vector<std::byte> behind;
};

}  // namespace

asio::awaitable<http_request_parser::step> http1_server::read_head(duration limit, std::error_code& ec) {
  const deadline late(below_, limit);
  http_request_parser parser(limits_, http_target_form::origin);
  http_request_parser::step step = parser.next(received_);
  while (!ec && step.what == http_request_parser::status::need_more) {
    constexpr std::size_t piece = 2048;
    idle_ = received_.empty();
    co_await read_more(*below_, received_, piece, ec);
    idle_ = false;
    if (!ec) step = parser.next(received_);
  }
  if (ec && late.expired()) ec = asio::error::timed_out;
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(step.consumed));
  co_return step;
}

/// Returns whether another request may follow.
asio::awaitable<bool> http1_server::serve(http_request r, std::error_code& ec) {
  const auto turn = std::make_shared<http1_turn>();
  http1_exchange::ending over = [turn](bool keeps, std::vector<std::byte> behind) {
    turn->keeps = keeps;
    turn->behind = std::move(behind);
    turn->over.set({});
  };
  r.keeps = r.keeps && !draining_;
  auto exchange = http1_exchange::answering(below_, r, std::exchange(received_, {}), std::move(over));
  take_(std::move(r), std::move(exchange));
  co_await turn->over.async_wait(get_executor(), or_error(ec));
  received_ = std::move(turn->behind);
  co_return turn->keeps && !draining_;
}

asio::awaitable<void> http1_server::run(std::error_code& ec, std::vector<std::byte> early) {
  const auto self = shared_from_this();
  received_ = std::move(early);
  duration limit = first_head;
  for (bool more = true; more && !ec; limit = next_head) {
    auto step = co_await read_head(limit, ec);
    if (ec) break;
    if (step.what == http_request_parser::status::refused) {
      co_await below_->write(asio::buffer(no_request), ec);
      break;
    }
    more = co_await serve(std::move(step.request), ec);
  }
  const bool between = received_.empty() && limit != first_head;
  if (between && (ec == asio::error::eof || ec == asio::error::timed_out || draining_)) ec.clear();
  co_await below_->finish();
  below_->close();
}

void http1_server::drain() {
  draining_ = true;
  if (idle_) below_->close();
}

}  // namespace muxpro::proxy
