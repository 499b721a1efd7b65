// Bulk between sockets where the system has no pipe, or does not splice them. Each case runs in a
// std::thread.
#include "splice_support.hpp"

#include <muxpro/layer.hpp>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <utility>

using namespace io_test;

namespace {

/// Reads of it are those of a socket, which the system is asked in vain to splice.
class unspliced_source {
 public:
  using executor_type = tcp::socket::executor_type;

  explicit unspliced_source(tcp::socket& s) : socket_(s) {}
  unspliced_source(const unspliced_source&) = delete;
  ~unspliced_source() { ::close(no_socket_); }

  executor_type get_executor() { return socket_.get_executor(); }
  tcp::socket& next_layer() noexcept { return socket_; }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return socket_.async_read_some(into, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return socket_.async_write_some(from, std::forward<Token>(token));
  }
  std::size_t read_now(bytes into, error_code& ec) { return layer::read_now(socket_, into, ec); }
  void async_wait_for_bytes(layer::transfer_step done) { layer::wait_for_bytes(socket_, std::move(done)); }
  int socket_of_reads() noexcept {
    ++asked;
    return no_socket_;
  }

  int asked = 0;

 private:
  tcp::socket& socket_;
  const int no_socket_ = ::epoll_create1(0);
};

}  // namespace

TEST_CASE("relay by splice: where SIGPIPE would end the process, bytes are copied", "[relay][splice]") {
  in_thread_with_pipes([] {
    const test::sigpipe_action deadly(SIG_DFL);
    spliced r;
    r.fill_up();
    CHECK(pipe_descriptors() == r.pipes_before);
    CHECK(is_bulk(r.read(r.server)));
  });
}

TEST_CASE("relay by splice: without descriptors bytes are copied", "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    CHECK(r.passes(r.client, r.server, pattern(10)));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few{3, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    r.send(r.client, bulk());
    const read_result got = r.read(r.server);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(is_bulk(got));
    CHECK(pipe_descriptors() == r.pipes_before);
  });
}

TEST_CASE("relay by splice: a source that the system does not splice is copied", "[relay][splice]") {
  in_thread_with_pipes([] {
    splice_peers r;
    unspliced_source source(r.a);
    any_stream_over<unspliced_source> erased(source);
    r.start(erased, r.erased_b, small_buffer());
    r.fill_up();
    CHECK(is_bulk(r.read(r.server)));
    CHECK(source.asked > 0);
    CHECK(r.passes(r.server, r.client, bulk()));
  });
}

TEST_CASE("relay by splice: what the pipe holds is copied to a sink that the system does not splice",
          "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    r.fill_up();
    const int sink = r.b.native_handle();
    REQUIRE(::fcntl(sink, F_SETFL, ::fcntl(sink, F_GETFL) | O_APPEND) == 0);
    CHECK(is_bulk(r.read(r.server)));
    r.server.shutdown(tcp::socket::shutdown_send);
    r.run_to_end();
    CHECK(r.outcome.is(no_error));
    CHECK(r.outcome.result.a_to_b == bulk_size);
  });
}

TEST_CASE("relay by splice: a small buffer of the options means copies", "[relay][splice]") {
  in_thread_with_pipes([] {
    relay_options options;
    options.buffer = 16 * 1024;
    spliced r(options);
    r.fill_up();
    CHECK(pipe_descriptors() == r.pipes_before);
    CHECK(is_bulk(r.read(r.server)));
  });
}
