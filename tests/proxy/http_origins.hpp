// Origins that follow a script, behind a forward proxy for HTTP in memory.
#pragma once

#include "stages.hpp"

#include "proxy/inbound/http.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace http_origins {

using namespace stages;

/// The next head, or what came before the end.
inline asio::awaitable<std::string> read_head(pipe_end& from) {
  std::string heard;
  char c = 0;
  while (!heard.ends_with("\r\n\r\n")) {
    const auto [error, n] = co_await asio::async_read(from, asio::buffer(&c, 1), as_result);
    if (error) break;
    heard += c;
  }
  co_return heard;
}

/// Its first connection follows the first script, and so on. A script ends with the connection.
class origin final : public outbound {
 public:
  using script = std::function<asio::awaitable<void>(pipe_end&)>;
  explicit origin(std::vector<script> all) : scripts_(std::move(all)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override {
    const counted here(*this);
    connection_result result;
    if (seen.size() == scripts_.size()) {
      co_await c.answer(end_code::unreachable, result.why);
      co_return result;
    }
    seen.push_back(ctx);
    co_await relay_to(part_of(scripts_[seen.size() - 1]), c);
    co_return result;
  }
  std::vector<context> seen;

 private:
  static target_part part_of(script s) {
    return [s = std::move(s)](pipe_end& link) -> asio::awaitable<error_code> {
      co_await s(link);
      co_return error_code();
    };
  }

  const std::vector<script> scripts_;
};

/// Reads a head, answers, and waits until the proxy ends the connection. It appends all that it reads
/// to `received`.
inline origin::script answers_one(std::string answer, std::string& received) {
  return [answer, &received](pipe_end& link) -> asio::awaitable<void> {
    received += co_await read_head(link);
    co_await write(link, answer);
    received += co_await read_all(link);
  };
}

/// Answers the requests of all its connections, in the order of their arrival.
inline origin::script answers_from(std::shared_ptr<std::deque<std::string>> answers) {
  return [answers](pipe_end& link) -> asio::awaitable<void> {
    while (!answers->empty()) {
      const std::string head = co_await read_head(link);
      if (!head.ends_with("\r\n\r\n")) co_return;
      const std::string answer = answers->front();
      answers->pop_front();
      co_await write(link, answer);
    }
    co_await read_all(link);
  };
}
inline origin::script answers_each(std::deque<std::string> answers) {
  return answers_from(std::make_shared<std::deque<std::string>>(std::move(answers)));
}

/// Answers and ends the connection in good order.
inline origin::script answers_and_ends(std::string answer) {
  return [answer](pipe_end& link) -> asio::awaitable<void> {
    co_await read_head(link);
    co_await write(link, answer);
    co_await link.async_shutdown(as_result);
    co_await read_all(link);
  };
}

inline std::string get(std::string_view path, std::string_view fields = "") {
  return fmt::format("GET http://a/{} HTTP/1.1\r\nHost: a\r\n{}\r\n", path, fields);
}

/// What a client reads that sends `request` at once and then ends its side, or waits for the end of the
/// proxy's.
inline std::string reply(std::vector<origin::script> scripts, std::string request, bool ends = true,
                         http_inbound_options options = {}) {
  bench b{http_inbound(std::move(options))};
  b.to.add("origin", std::make_shared<origin>(std::move(scripts)));
  std::string heard;
  const auto talk = [&]() -> asio::awaitable<void> {
    co_await write(b.client, request);
    if (ends) co_await b.client.async_shutdown(as_result);
    heard = co_await read_all(b.client);
  };
  b.run(talk());
  return heard;
}

}  // namespace http_origins
