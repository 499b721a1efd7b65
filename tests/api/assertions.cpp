// What a Debug build does about misuse: it ends the program with a sentence. The sanitizers have their own
// ideas of abort() and of threads behind fork(): these tests are of builds without them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MUXPRO_TEST_SANITIZED
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(MUXPRO_TEST_SANITIZED)
#include "tokens/operations.hpp"

#include <asio/co_spawn.hpp>
#include <asio/strand.hpp>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#if defined(NDEBUG)
#error "these tests are of builds with assertions"
#endif

namespace {

using namespace tokens_test;

std::string read_all(int from) {
  std::string out;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(from, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  return out;
}

/// What a child process writes to standard error until `misuse` aborts it; empty if it ends well.
std::string last_words_of(const std::function<void()>& misuse) {
  int ends[2] = {};
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::signal(SIGABRT, SIG_DFL);
    ::alarm(120);
    misuse();
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string words = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status == 0) return "";
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? words
                                                            : "ended with status " + std::to_string(status);
}

auto has(const char* sentence) { return Catch::Matchers::ContainsSubstring(sentence); }

const auto ignore = [](error_code, const auto&...) {};

}  // namespace

TEST_CASE("operations of an empty handle are asserted against", "[misuse]") {
  const char* const sentence = "default-constructed or moved from";
  CHECK_THAT(last_words_of([] { session().async_accept(ignore); }), has(sentence));
  CHECK_THAT(last_words_of([] { session().stats(); }), has(sentence));
  CHECK_THAT(last_words_of([] { sub_stream().async_shutdown(ignore); }), has(sentence));
  CHECK_THAT(last_words_of([] { sub_stream().id(); }), has(sentence));
  CHECK_THAT(last_words_of([] { client_pool().get_executor(); }), has(sentence));
  CHECK_THAT(last_words_of([] { pipe_end().async_shutdown(ignore); }), has(sentence));
  CHECK_THAT(last_words_of([] { session().close(); }), Catch::Matchers::Equals(""));
}

namespace {

/// Two sessions over a pipe that have work to do as long as their context runs.
struct busy_pair {
  explicit busy_pair(const asio::any_io_executor& ex) {
    auto [a, b] = make_pipe(ex);
    client = session(std::move(a), role::client);
    server = session(std::move(b), role::server);
    client.async_run(asio::detached);
    server.async_run(asio::detached);
    asio::co_spawn(ex, send(), asio::detached);
    asio::co_spawn(ex, receive(), asio::detached);
  }

  awaitable<> send() {
    sub_stream s = co_await client.async_open(to(network::tcp));
    for (;;) co_await asio::async_write(s, asio::buffer("more", 4), asio::use_awaitable);
  }
  awaitable<> receive() {
    sub_stream s = co_await server.async_accept();
    std::string got(100, ' ');
    for (;;) {
      received += co_await s.async_read_some(asio::buffer(got));
    }
  }

  session client, server;
  std::atomic<std::size_t> received{0};
};

/// Starts an operation beside the thread that runs the sessions.
void start_beside(asio::io_context& io, const asio::any_io_executor& ex) {
  busy_pair p(ex);
  std::thread running([&io] { io.run(); });
  while (p.received == 0) std::this_thread::yield();
  p.client.async_drain(ignore);
  running.join();
}

void start_beside_plain() {
  asio::io_context io;
  start_beside(io, io.get_executor());
}

void start_beside_strand() {
  asio::io_context io;
  start_beside(io, asio::make_strand(io));
}

/// One handler at a time, by two threads in turns of different lengths, so that each session meets both.
void take_turns(const asio::any_io_executor& ex, asio::io_context& io) {
  busy_pair p(ex);
  std::atomic<int> turn{0};
  const auto run = [&](int me) {
    while (turn < 500) {
      if (turn % 2 == me) {
        for (int i = 0; i <= turn % 3; ++i) io.run_one();
        ++turn;
      }
      std::this_thread::yield();
    }
  };
  std::thread other(run, 1);
  run(0);
  other.join();
  ::_exit(0);  // destroying the sessions is not what this is about
}

void take_turns_on_context() {
  asio::io_context io;
  take_turns(io.get_executor(), io);
}

void take_turns_on_strand() {
  asio::io_context io;
  take_turns(asio::make_strand(io), io);
}

/// Runs on a thread of its own, then on this one.
void run_here_and_there() {
  asio::io_context io;
  busy_pair p(io.get_executor());
  std::thread running([&io] { io.run(); });
  while (p.received == 0) std::this_thread::yield();
  io.stop();
  running.join();
  p.client.async_accept(ignore);
  io.restart();
  io.run_one();
  p.client.async_accept(ignore);
}

}  // namespace

TEST_CASE("an operation that another thread starts is asserted against", "[misuse][threads]") {
  // Which of the two mistakes is found depends on whether the session is at work at that moment.
  const auto is_found = [](const std::string& words) {
    return words.find("started outside of the session's executor") != std::string::npos ||
           words.find("two threads use a session at the same time") != std::string::npos;
  };
  CHECK(is_found(last_words_of(start_beside_plain)));
  CHECK(is_found(last_words_of(start_beside_strand)));
}

TEST_CASE("a session on a context that several threads run is asserted against", "[misuse][threads]") {
  CHECK_THAT(last_words_of(take_turns_on_context), has("several threads run the io_context"));
  CHECK_THAT(last_words_of(take_turns_on_strand), Catch::Matchers::Equals(""));
}

TEST_CASE("a session may be used before, between and after runs of its context", "[misuse][threads]") {
  CHECK_THAT(last_words_of(run_here_and_there), Catch::Matchers::Equals(""));
}

#endif
