// What the tests of relays by splice share: a relay between TCP sockets, with bulk that fills them.
#pragma once

#include "kernel_pipes.hpp"
#include "relay_support.hpp"

#include <muxpro/any_stream.hpp>

#include <asio/ip/tcp.hpp>

namespace io_test {

using asio::ip::tcp;
using test::in_thread_with_pipes;
using test::pipe_descriptors;

inline constexpr std::size_t bulk_size = 8 << 20;
inline const byte_string& bulk() {
  static const byte_string all = pattern(bulk_size);
  return all;
}

/// One write of the tests fills it.
inline relay_options small_buffer() {
  relay_options options;
  options.buffer = 64 * 1024;
  return options;
}

/// client <-> a, to be relayed to b <-> server.
struct splice_peers {
  splice_peers() {
    tcp::acceptor at(context, {asio::ip::address_v4::loopback(), 0});
    client.connect(at.local_endpoint());
    a = at.accept();
    server.connect(at.local_endpoint());
    b = at.accept();
    for (tcp::socket* s : {&client, &a, &b, &server}) {
      s->set_option(asio::socket_base::send_buffer_size(256 * 1024));
      s->set_option(asio::socket_base::receive_buffer_size(256 * 1024));
    }
  }
  splice_peers(const splice_peers&) = delete;
  /// The types of both are erased, as in the proxy.
  void start(any_stream& from_client, any_stream& to_server, relay_options options) {
    async_relay(from_client, to_server, std::move(options),
                asio::bind_cancellation_slot(stop.slot(), keep_relay_outcome{&outcome}));
  }

  void send(tcp::socket& from, const byte_string& data, bool then_eof = true) {
    asio::async_write(from, asio::buffer(data), [&from, then_eof](error_code ec, std::size_t) {
      if (!ec && then_eof) from.shutdown(tcp::socket::shutdown_send, ec);
    });
  }
  void receive(tcp::socket& at, read_result& into) {
    asio::co_spawn(context, read_to_end(at, 100'000),
                   [&into](std::exception_ptr, read_result r) { into = std::move(r); });
  }
  void run_for(duration d) {
    context.restart();
    context.run_for(d);
  }
  template <class Done>
  void run_until(const Done& done) {
    for (int i = 0; i < 2000 && !done(); ++i) run_for(5ms);
    CHECK(done());
  }
  void run_to_end() {
    run_until([&] { return outcome.done(); });
  }
  read_result read(tcp::socket& at) {
    read_result got;
    receive(at, got);
    run_until([&] { return static_cast<bool>(got.error); });
    return got;
  }
  /// From one peer to the other, which reads meanwhile.
  bool passes(tcp::socket& from, tcp::socket& to, const byte_string& data) {
    byte_string got(data.size());
    bool whole = false;
    send(from, data, false);
    asio::async_read(to, asio::buffer(got), [&](error_code ec, std::size_t) { whole = !ec; });
    run_until([&] { return whole; });
    return got == data;
  }
  /// Nothing is read at the server: bytes wait everywhere, the last of them in the pipe.
  void fill_up() {
    send(client, bulk());
    run_for(200ms);
    CHECK_FALSE(outcome.done());
  }
  void reset_of(tcp::socket& s) {
    s.set_option(asio::socket_base::linger(true, 0));
    s.close();
  }

  const std::size_t pipes_before = pipe_descriptors();
  asio::io_context context;
  tcp::socket client{context}, a{context}, b{context}, server{context};
  any_stream_over<tcp::socket> erased_a{a}, erased_b{b};
  asio::cancellation_signal stop;
  relay_outcome outcome;
};

struct spliced : splice_peers {
  explicit spliced(relay_options options = small_buffer()) { start(erased_a, erased_b, std::move(options)); }
};

inline bool is_bulk(const read_result& got) { return got.error == eof && got.data == bulk(); }

}  // namespace io_test
