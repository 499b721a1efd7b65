// The lines that a session and a pool write to session_options::log.
#include "io/pool_support.hpp"

using namespace io_test;

namespace {

using lines = std::shared_ptr<std::vector<std::pair<severity, std::string>>>;

session_options logging(const lines& to) {
  session_options o = quiet();
  o.log = [to](severity how, std::string_view line) { to->emplace_back(how, line); };
  return o;
}

awaitable<> open_and_break_a_rule(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  const sub_stream accepted = co_await s.subject.async_accept();
  const byte_string window(65'535), beyond(1'000);
  co_await s.peer.send(data_frame(1, window.size()), window);
  co_await s.peer.send(data_frame(1, beyond.size()), beyond);
  co_await yield();
}

}  // namespace

TEST_CASE("a session logs its version and its end", "[session][log]") {
  const auto seen = std::make_shared<lines::element_type>();
  asio::io_context io;
  session_pair p(io, logging(seen), quiet());
  test::run_until(io, [&] { return p.client.negotiated() && p.server.negotiated(); });
  p.client.close();
  test::run_until(io, [&] { return p.client_fate->has_value(); });
  REQUIRE(seen->size() == 2);
  CHECK((*seen)[0] == std::pair(severity::info, std::string("version 0.1 is agreed")));
  CHECK((*seen)[1] == std::pair(severity::info, std::string("the session ended: the session is closed")));
}

TEST_CASE("a session logs a sub-stream that breaks a rule", "[session][log]") {
  const auto seen = std::make_shared<lines::element_type>();
  with_script(role::server, open_and_break_a_rule, logging(seen));
  const auto about_one = [](const auto& line) {
    return line.first == severity::debug && line.second.find("sub-stream 1 (tcp:") == 0 &&
           line.second.find("broke a rule") != std::string::npos;
  };
  CHECK(std::count_if(seen->begin(), seen->end(), about_one) == 1);
}

TEST_CASE("an exception of the log does not harm a session", "[session][log]") {
  session_options throwing = quiet();
  throwing.log = [](severity, std::string_view) { throw std::runtime_error("the disk is full"); };
  asio::io_context io;
  session_pair p(io, throwing);
  test::run_until(io, [&] { return p.client.negotiated() && p.server.negotiated(); });
  CHECK(p.client.is_open());
}

TEST_CASE("a pool logs dials that fail, and connections", "[client_pool][log]") {
  const auto seen = std::make_shared<lines::element_type>();
  client_pool_options options = pool_options();
  options.session.log = logging(seen).log;
  farm f(options);
  f.behaviour = dial_behaviour::refused;
  f.open();
  f.settle();
  REQUIRE(seen->size() == 1);
  CHECK(seen->front().first == severity::warning);
  CHECK(seen->front().second.find("dial 1 failed: ") == 0);
  f.behaviour = dial_behaviour::works;
  f.open();
  f.advance(5s);
  const auto up = std::pair(severity::info, std::string("main connection 2 is up"));
  CHECK(std::count(seen->begin(), seen->end(), up) == 1);
}
