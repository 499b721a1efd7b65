// What may go wrong between a client in the queue of a listener and its transport, by an accept() and a
// memory of this program's own.
#include "loopback.hpp"

#include "proxy/engine/listener.hpp"
#include "proxy/inbound/socks.hpp"

#include <muxpro/proxy/transport.hpp>

#include <asio/post.hpp>

#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

/// How the next client is lost that accept() finds, an errno; 0: it is not.
std::atomic<int> lost_by = 0;
/// After how many allocations the next client's thread lacks memory for one; 0: it does not.
std::atomic<int> short_after = 0;

/// So many allocations of this thread from now, one fails; 0: none does.
thread_local int fails_in = 0;
/// What fails is a coroutine. Asio 1.22 cannot cope with an operation that finds no memory: those are
/// smaller.
constexpr std::size_t least = 128;

bool fails(std::size_t n) noexcept { return n >= least && fails_in > 0 && --fails_in == 0; }

}  // namespace

// Calls the system's, whose place it takes.
extern "C" int accept(int socket, sockaddr* address, socklen_t* size) {
  static const auto really = reinterpret_cast<decltype(&::accept)>(::dlsym(RTLD_NEXT, "accept"));
  const int client = really(socket, address, size);
  if (client < 0) return client;
  fails_in = short_after.exchange(0);
  const int why = lost_by.exchange(0);
  if (why == 0) return client;
  ::close(client);
  errno = why;
  return -1;
}

// Where Asio has the memory of coroutines from.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t n) noexcept {
  void* p = nullptr;
  if (fails(n) || ::posix_memalign(&p, std::max(alignment, sizeof p), n) != 0) return nullptr;
  return p;
}

namespace {

using namespace loopback_test;

struct listening {
  explicit listening(listener_options o = {}) : options(std::move(o)) {
    at.start();
    threads.start();
  }
  void connect() {
    tcp::socket s(io);
    s.connect(to_tcp(at.local()));
  }
  /// Whether the listener's thread does something else meanwhile.
  bool answers() {
    const auto said = std::make_shared<std::promise<void>>();
    asio::post(threads[0], [said] { said->set_value(); });
    return said->get_future().wait_for(1s) == std::future_status::ready;
  }

  asio::io_context io;
  const listener_options options;
  std::atomic<int> taken = 0, lines = 0;
  workers threads{1};
  std::optional<stream_socket> last;
  const std::shared_ptr<listener> made = std::make_shared<listener>(
      threads, tcp::endpoint(loopback, 0), options, std::make_shared<admission>(10, 10),
      [this](accepted_client c) {
        last.emplace(std::move(c.socket));
        ++taken;
      },
      [this](log_level, const asio::ip::address&, const std::string&) { ++lines; });
  listener& at = *made;
};

/// Where the shortage ends.
class counting final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> c,
                                                    std::error_code&) const override {
    fails_in = 0;
    ++opened;
    co_return c;
  }
  mutable std::atomic<int> opened = 0;
};

/// Every other connection may be lost; those between them must not be, and all are forgotten in the end.
template <class Proxy>
void run_short(Proxy& proxy, const tcp::endpoint& at, const counting& over) {
  proxy.start();
  asio::io_context io;
  // They stay until the end: the memory of one that has ended would be used again without asking for it.
  std::vector<tcp::socket> all;
  const auto connect = [&] {
    all.emplace_back(io);
    all.back().connect(at);
  };
  for (int n = 1; n <= 8; ++n) {
    short_after = n;
    connect();
    test::run(io, wait_for([] { return short_after == 0; }));
    const int before = over.opened;
    connect();
    test::run(io, wait_for([&] { return over.opened > before; }));
  }
  CHECK(over.opened < 16);
  all.clear();
  const auto begun = std::chrono::steady_clock::now();
  proxy.drain();
  proxy.wait();
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

}  // namespace

TEST_CASE("accepting: a client that has left delays no other", "[proxy][listener]") {
  const int why = GENERATE(ECONNABORTED, EPROTO);
  listening l;
  lost_by = why;
  l.connect();
  test::run(l.io, wait_for([] { return lost_by == 0; }));
  CHECK(l.answers());
  l.connect();
  test::run(l.io, wait_for([&] { return l.taken == 1; }));
  CHECK(l.lines == 0);
  l.threads.stop();
}

TEST_CASE("accepting: a client's socket has the listener's options", "[proxy][listener]") {
  listener_options o;
  o.socket = keepalive_socket();
  o.socket.no_delay = GENERATE(true, false);
  o.socket.fast_open = true;
  listening l(o);
  l.connect();
  test::run(l.io, wait_for([&] { return l.taken == 1; }));
  l.threads.stop();
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(l.last->native_handle(), level, name, &value, &size);
    return value;
  };
  CHECK(option(IPPROTO_TCP, TCP_NODELAY) == o.socket.no_delay);
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 45);
  CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 30000);
  l.last.reset();
}

TEST_CASE("accepting: an instance without memory for a connection drops it", "[proxy][exceptions]") {
  const auto over = std::make_shared<const counting>();
  instance_options o;
  o.accept_backoff = 1ms;
  o.drain_timeout = 10s;
  auto none = [](dispatcher&, asio::io_context&) {};
  instance proxy(o, 1, none, [](log_level, std::string_view) {});
  const auto in = std::make_shared<socks_inbound>(socks_inbound_options());
  const tcp::endpoint at = proxy.listen(tcp::endpoint(loopback, 0), "in", in, transport_options(over));
  run_short(proxy, at, *over);
}

TEST_CASE("accepting: a server without memory for a connection drops it", "[proxy][exceptions]") {
  const auto over = std::make_shared<const counting>();
  server_limits o;
  o.engine.accept_backoff = 1ms;
  o.engine.drain_timeout = 10s;
  server_engine proxy(o);
  const tcp::endpoint at = proxy.listen(tcp::endpoint(loopback, 0), transport_options(over));
  run_short(proxy, at, *over);
}
