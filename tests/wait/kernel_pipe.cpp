// A pipe of the kernel between two sockets: some, all or none of the bytes, and what it costs in descriptors.
#include "catch.hpp"
#include "kernel_pipes.hpp"
#include "support.hpp"

#include <muxpro/detail/kernel_pipe.hpp>

#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>

#include <sys/resource.h>

#include <csignal>
#include <deque>
#include <vector>

namespace {

using namespace muxpro;
using detail::kernel_pipe;
using test::in_thread_with_pipes;
using test::pipe_descriptors;

/// from -> source, and sink -> to.
struct spliced_sockets {
  spliced_sockets() {
    asio::local::connect_pair(from, source);
    asio::local::connect_pair(sink, to);
    source.native_non_blocking(true);
    sink.native_non_blocking(true);
  }

  std::size_t fill() { return pipe.fill(source.native_handle(), ec); }
  std::size_t drain() { return pipe.drain(sink.native_handle(), ec); }
  void send(const std::vector<std::byte>& data) { REQUIRE(write_now(from, data, ec) == data.size()); }
  std::vector<std::byte> received() {
    std::vector<std::byte> room(1 << 20);
    room.resize(read_now(to, room));
    return room;
  }

  asio::io_context context;
  asio::local::stream_protocol::socket from{context}, source{context}, sink{context}, to{context};
  kernel_pipe pipe;
  error_code ec = errc::bad_option;  // of something before
};

}  // namespace

// Each runs in a std::thread.
TEST_CASE("a kernel pipe moves what has come to a socket, and its end", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    REQUIRE(p.pipe.prepare());
    CHECK((p.fill() == 0 && p.ec == asio::error::would_block));
    const auto data = test::pattern(100'000);
    p.send(data);
    CHECK((p.fill() == data.size() && !p.ec && p.pipe.held() == data.size()));
    CHECK((p.drain() == data.size() && !p.ec && p.pipe.held() == 0));
    CHECK(p.received() == data);
    p.from.close();
    CHECK((p.fill() == 0 && p.ec == asio::error::eof));
  });
}

TEST_CASE("a kernel pipe holds what a full socket does not take", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    REQUIRE(p.pipe.prepare());
    std::size_t filler = 0;
    for (std::size_t n = 0; (n = write_now(p.sink, test::pattern(4096), p.ec)) > 0;) filler += n;
    const auto data = test::pattern(50'000);
    p.send(data);
    CHECK(p.fill() == data.size());
    CHECK((p.drain() == 0 && p.ec == asio::error::would_block && p.pipe.held() == data.size()));
    for (std::size_t n = 0; n < filler;) n += p.received().size();
    CHECK((p.drain() == data.size() && !p.ec));
    CHECK(p.received() == data);
  });
}

TEST_CASE("what a kernel pipe holds can be read", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    REQUIRE(p.pipe.prepare());
    const auto data = test::pattern(50'000);
    p.send(data);
    CHECK(p.fill() == data.size());
    std::vector<std::byte> room(p.pipe.held());
    CHECK(p.pipe.drain(room) == data.size());
    CHECK((room == data && p.pipe.held() == 0));
  });
}

TEST_CASE("a kernel pipe reports a socket that is broken, without SIGPIPE", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    REQUIRE(p.pipe.prepare());
    p.send(test::pattern(1000));
    CHECK(p.fill() == 1000);
    p.to.close();
    CHECK((p.drain() == 0 && p.ec == asio::error::broken_pipe));
    CHECK(p.pipe.held() == 1000);
    CHECK((p.pipe.drain(-1, p.ec) == 0 && p.ec == asio::error::bad_descriptor));
  });
}

TEST_CASE("a thread keeps few kernel pipes, and the next one that is needed is one of them",
          "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    const auto none = pipe_descriptors();
    {
      std::deque<kernel_pipe> some(10);
      for (kernel_pipe& one : some) CHECK(one.prepare());
      CHECK(pipe_descriptors() == none + 20);
      for (kernel_pipe& one : some) one.rest();
      CHECK(pipe_descriptors() == none + 8);
      CHECK((some[0].prepare() && some[0].prepare()));
      CHECK(pipe_descriptors() == none + 8);
    }
    CHECK(pipe_descriptors() == none + 8);
  });
}

TEST_CASE("a kernel pipe that holds bytes is not given to another one", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    const auto none = pipe_descriptors();
    {
      kernel_pipe full;
      REQUIRE(full.prepare());
      p.send(test::pattern(10));
      CHECK(full.fill(p.source.native_handle(), p.ec) == 10);
      full.rest();
      CHECK(full.held() == 10);
    }
    CHECK(pipe_descriptors() == none);
  });
}

TEST_CASE("a process has a limited number of kernel pipes in use", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    for (int again = 0; again < 2; ++again) {
      std::deque<kernel_pipe> all(128);
      for (kernel_pipe& one : all) CHECK(one.prepare());
      CHECK_FALSE(p.pipe.prepare());
      all.pop_front();
      CHECK(p.pipe.prepare());
      p.pipe.rest();
    }
  });
}

TEST_CASE("there is no kernel pipe while a SIGPIPE would end the process", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    {
      const test::sigpipe_action deadly(SIG_DFL);
      CHECK_FALSE(p.pipe.prepare());
    }
    CHECK(p.pipe.prepare());
  });
}

TEST_CASE("there is no kernel pipe without descriptors", "[kernel_pipe]") {
  in_thread_with_pipes([] {
    spliced_sockets p;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few{3, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (int i = 0; i < 200; ++i) CHECK_FALSE(p.pipe.prepare());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(p.pipe.prepare());
  });
}
