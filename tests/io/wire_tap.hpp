// Two sessions whose wires are watched.
#pragma once

#include "robustness.hpp"
#include "wire_rules.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace io_test {

using test::wire_rules;
using test::wire_tap;

/// Two running sessions whose wires are watched on both sides.
struct watched_pair {
  explicit watched_pair(asio::io_context& context, session_options options = {}, std::size_t capacity = 65536,
                        fault_options shape = {}) {
    auto [a, b] = make_pipe(context.get_executor(), capacity);
    fault_options other = shape;
    if (other.seed) ++*other.seed;
    using stream = wire_tap<faulty_stream<pipe_end>>;
    client = session(stream(faulty_stream(std::move(a), shape), client_rules), role::client, options);
    server = session(stream(faulty_stream(std::move(b), other), server_rules), role::server, options);
    client_fate = run_in_background(client);
    server_fate = run_in_background(server);
  }

  void check() const {
    CHECK(client_rules->broken == std::vector<std::string>());
    CHECK(server_rules->broken == std::vector<std::string>());
  }

  std::shared_ptr<wire_rules> client_rules = std::make_shared<wire_rules>(role::client);
  std::shared_ptr<wire_rules> server_rules = std::make_shared<wire_rules>(role::server);
  session client, server;
  fate client_fate, server_fate;
};

}  // namespace io_test
