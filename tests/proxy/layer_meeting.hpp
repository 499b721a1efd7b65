// Both sides of a layer of a transport, over two ends of a stream.
#pragma once

#include "tls_meeting.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/proxy/transport.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace tls_test {

using some_layer = std::shared_ptr<const transport>;

inline asio::awaitable<void> open_layer(some_layer t, std::shared_ptr<connection> below,
                                        std::shared_ptr<opened> out) {
  out->c = co_await t->open(std::move(below), out->ec);
  out->done = true;
}

/// Both sides over two ends of a stream.
struct layered {
  layered(some_layer client_side, some_layer server_side) {
    auto [a, b] = socket_pair(io);
    meet(make_connection(std::move(a)), std::move(client_side), make_connection(std::move(b)),
         std::move(server_side));
  }
  struct by_pipe {};
  layered(by_pipe, some_layer client_side, some_layer server_side) {
    auto [a, b] = make_pipe(io.get_executor());
    meet(make_connection(std::move(a)), std::move(client_side), make_connection(std::move(b)),
         std::move(server_side));
  }
  void meet(std::shared_ptr<connection> a, some_layer x, std::shared_ptr<connection> b, some_layer y) {
    asio::co_spawn(io, open_layer(std::move(x), std::move(a), client), asio::detached);
    asio::co_spawn(io, open_layer(std::move(y), std::move(b), server), asio::detached);
    test::run_until(io, [this] { return client->done && server->done; });
  }
  std::string both_ways(const std::string& text) {
    const std::string up = test::run(io, say(*client->c, *server->c, text));
    if (up != text) return "up: " + up.substr(0, 60);
    const std::string down = test::run(io, say(*server->c, *client->c, text));
    return down == text ? "same" : "down: " + down.substr(0, 60);
  }
  std::error_code next_of(connection& c) { return test::run(io, read_one(c)); }

  asio::io_context io;
  std::shared_ptr<opened> client = std::make_shared<opened>(), server = std::make_shared<opened>();
};

}  // namespace tls_test
