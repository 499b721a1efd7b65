// One allocation in a hundred fails in a client's and a server's threads: that costs single connections, and
// nothing is left of them.
#include "loopback.hpp"

#include "proxy/inbound/mixed.hpp"
#include "proxy/socks/server.hpp"

#include <fmt/format.h>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace loopback_test;
using namespace std::string_literals;

// --- which allocations fail

/// Whose code asks for memory.
enum class code_of : std::uint8_t { others, proxy, library, asio };

/// Asio 1.22 starts what a coroutine waits for in a noexcept function (await_suspend() in
/// impl/awaitable.hpp), and destroys a coroutine whose handler is lost by a post() in a destructor: without
/// memory for either the process ends, whatever its user does.
bool cannot_fail_in_asio(std::string_view function) {
  const auto has = [&](std::string_view part) { return function.find(part) != std::string_view::npos; };
  const bool body = has(".actor") || has(".resume");
  const bool start = has("async_result") && has("use_awaitable_t") && has("8initiate") && body;
  const bool farewell = has("16awaitable_thread") && (has("D4Ev") || has("D2Ev") || has("D1Ev"));
  return start || farewell;
}

/// Of a mangled name: "_ZN", or "_ZZN" for what is inside a function, and the scopes.
code_of owner_of(std::string_view function) {
  if (cannot_fail_in_asio(function)) return code_of::asio;
  if (!function.starts_with("_Z")) return code_of::others;
  function.remove_prefix(std::min(function.find_first_not_of("_Z"), function.size()));
  for (const std::string_view scope : {"N6muxpro", "NK6muxpro"})
    if (function.starts_with(scope))
      return function.substr(scope.size()).starts_with("5proxy") ? code_of::proxy : code_of::library;
  return code_of::others;
}

/// The functions of this program.
class program {
 public:
  program() {
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat about {};
    ::fstat(file, &about);
    const auto size = static_cast<std::size_t>(about.st_size);
    void* const image = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    if (image == MAP_FAILED) return;
    read(static_cast<const char*>(image));
    ::munmap(image, size);
    std::sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  /// False: it was stripped, or the proxy is in a library of its own.
  bool is_known() const {
    return owner_of_code(reinterpret_cast<std::uintptr_t>(&write_and_close)) == code_of::proxy;
  }
  /// The code that allocates now. It is Asio or the library if the innermost function of the proxy called it.
  code_of owner_now() const noexcept {
    search s{*this, code_of::others};
    _Unwind_Backtrace(look_at, &s);
    return s.found;
  }

 private:
  struct function {
    std::uintptr_t first, end;
    code_of owner;
  };
  struct search {
    const program& in;
    code_of found;
  };

  void read(const char* image) {
    const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(image);
    const std::span sections(reinterpret_cast<const ElfW(Shdr)*>(image + header.e_shoff), header.e_shnum);
    std::uintptr_t base = 0;
    const auto first_is_the_program = [](dl_phdr_info* info, std::size_t, void* to) {
      *static_cast<std::uintptr_t*>(to) = info->dlpi_addr;
      return 1;
    };
    ::dl_iterate_phdr(first_is_the_program, &base);
    for (const auto& s : sections) {
      if (s.sh_type != SHT_SYMTAB) continue;
      const char* const names = image + sections[s.sh_link].sh_offset;
      const auto* const symbols = reinterpret_cast<const ElfW(Sym)*>(image + s.sh_offset);
      for (const auto& symbol : std::span(symbols, s.sh_size / sizeof(ElfW(Sym)))) {
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_size == 0) continue;
        const code_of owner = owner_of(names + symbol.st_name);
        if (owner != code_of::others)
          all_.push_back({base + symbol.st_value, base + symbol.st_value + symbol.st_size, owner});
      }
    }
  }
  code_of owner_of_code(std::uintptr_t at) const noexcept {
    const auto behind = std::upper_bound(all_.begin(), all_.end(), at,
                                         [](std::uintptr_t a, const function& f) { return a < f.first; });
    return behind != all_.begin() && at < std::prev(behind)->end ? std::prev(behind)->owner : code_of::others;
  }
  static _Unwind_Reason_Code look_at(_Unwind_Context* frame, void* to) {
    auto& s = *static_cast<search*>(to);
    const code_of here = s.in.owner_of_code(_Unwind_GetIP(frame) - 1);
    if (here == code_of::asio || (here != code_of::others && s.found == code_of::others)) s.found = here;
    return here == code_of::asio || here == code_of::proxy ? _URC_NORMAL_STOP : _URC_NO_REASON;
  }

  std::vector<function> all_;
};

/// As in tests/simulation, which does this to the library itself: what it needs to complete an operation is
/// less, and where that fails in a destructor or at the end of a session's loop, the process ends.
constexpr std::size_t least_of_library = 1024;

/// In all threads but the one that has begun it. What each of them meets follows from the seed, as far as the
/// kernel brings the same things in the same order.
struct shortage {
  static inline std::atomic<std::uint32_t> one_in{0}, period{0}, threads{0};
  static inline std::atomic<std::uint64_t> seed{0}, failed{0};
  static inline const program* code = nullptr;
  static inline thread_local bool exempt = false;

  static void begin(const program& itself, std::uint64_t with, std::uint32_t chance) {
    code = &itself;
    exempt = true;
    seed = with;
    threads = 0;
    failed = 0;
    ++period;
    one_in = chance;
  }
  static void end() { one_in = 0; }
  static bool strikes(std::size_t n) noexcept {
    const std::uint32_t chance = one_in;
    if (chance == 0 || exempt || roll() % chance != 0) return false;
    const code_of owner = code->owner_now();
    if (owner == code_of::asio || (owner == code_of::library && n < least_of_library)) return false;
    ++failed;
    return true;
  }

 private:
  // splitmix64, seeded anew in each period.
  static std::uint64_t roll() noexcept {
    static thread_local std::uint64_t state = 0;
    static thread_local std::uint32_t mine = 0;
    if (mine != period) {
      mine = period;
      state = seed + std::uint64_t{0x632be59bd9b4e019} * ++threads;
    }
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
};

void* allocate(std::size_t n, std::size_t alignment = 0) noexcept {
  if (shortage::strikes(n)) return nullptr;
  const std::size_t size = std::max<std::size_t>(n, 1);
  if (alignment == 0) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* or_throw(void* memory) {
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All forms: a sanitizer must see an allocation and its end come from the same place.
void* operator new(std::size_t n) { return or_throw(allocate(n)); }
void* operator new[](std::size_t n) { return or_throw(allocate(n)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n); }
void* operator new(std::size_t n, std::align_val_t a) {
  return or_throw(allocate(n, static_cast<std::size_t>(a)));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return or_throw(allocate(n, static_cast<std::size_t>(a)));
}
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }

namespace {

// --- a client and its server

relay_options short_relay() {
  relay_options o;
  o.idle = 3s;
  o.uplink_only = o.downlink_only = 1s;
  return o;
}

server_limits short_server(std::shared_ptr<buffer_budget> budget) {
  server_limits o;
  o.inbound.session.process_budget = std::move(budget);
  o.inbound.relay = short_relay();
  o.dial.timeout = 2s;
  o.nat.idle = 2s;
  o.nat.resume = 100ms;
  o.engine.accept_backoff = 5ms;
  return o;
}

client_pool_options short_pool(std::shared_ptr<buffer_budget> budget) {
  client_pool_options o;
  o.max_concurrency = 32;
  o.max_connections = 1;
  o.dial_timeout = 2s;
  o.backoff_min = 5ms;
  o.backoff_max = 50ms;
  o.session.negotiate_timeout = 2s;
  o.session.process_budget = std::move(budget);
  return o;
}

instance_options short_instance() {
  instance_options o;
  o.max_waiting = o.max_waiting_per_source = 64;
  o.accept_backoff = 5ms;
  return o;
}

mixed_inbound_options short_inbound() {
  mixed_inbound_options o;
  o.handshake = 2s;
  o.relay = short_relay();
  return o;
}

constexpr auto bound = 15s;  // more than every limit above

struct poor : targets {
  poor()
      : server(short_server(budget)),
        server_at(server.listen(tcp::endpoint(loopback, 0))),
        client(
            short_instance(), 1,
            [this](dispatcher& d, asio::io_context& context) {
              const client_pool_options pool = short_pool(budget);
              auto to_server = [this, options = pool.session] { return dial_server(server_at, options); };
              d.add("server",
                    std::make_shared<mux_outbound>(context.get_executor(), to_server, pool, short_relay()));
            },
            [](log_level, std::string_view) {}),
        at(client.listen({loopback, 0}, "in", std::make_shared<mixed_inbound>(short_inbound()))) {
    server.start();
    client.start();
  }
  std::uint16_t echo_port() const { return to_echo().port; }

  const std::shared_ptr<buffer_budget> budget = std::make_shared<buffer_budget>(64 << 20);
  server_engine server;
  tcp::endpoint server_at;
  instance client;
  tcp::endpoint at;
  unsigned asked = 0, served = 0, hung = 0, running = 0;
  std::string who_hung;
};

/// A client's connection, which is closed if it takes too long.
struct caller {
  caller(poor& x, const char* name)
      : whole(x), what(name), socket(x.io), datagrams(x.io), limit(x.io, bound) {
    limit.async_wait([this](std::error_code in_time) {
      if (in_time) return;
      ++whole.hung;
      whole.who_hung += fmt::format(" {}", what);
      socket.close();
      datagrams.close();
    });
  }
  poor& whole;
  const std::string what;
  tcp::socket socket;
  udp::socket datagrams;
  asio::steady_timer limit;
};

std::string port_bytes(std::uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port)}; }

std::string socks_to(poor& x) {
  return "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + port_bytes(x.echo_port());
}
std::string socks_to_name(poor& x) {
  return "\x05\x01\x00\x05\x01\x00\x03\x09localhost"s + port_bytes(x.echo_port());
}
std::string connect_to(poor& x) {
  return fmt::format("CONNECT 127.0.0.1:{0} HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", x.echo_port());
}
std::string get_from(poor& x) {
  return fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", x.echo_port());
}

awaitable<bool> echoes(poor& x, std::string request) {
  caller c(x, "echo");
  const auto [refused] = co_await c.socket.async_connect(x.at, as_result);
  if (refused) co_return false;
  request += "hello";
  co_await write(c.socket, std::move(request));
  std::error_code cut;
  c.socket.shutdown(tcp::socket::shutdown_send, cut);
  const std::string heard = co_await read_all(c.socket);
  co_return heard.ends_with("hello|");
}

// The target echoes the request, which is no answer, and would go on listening.
awaitable<bool> gets(poor& x) {
  caller c(x, "GET");
  const auto [refused] = co_await c.socket.async_connect(x.at, as_result);
  if (refused) co_return false;
  co_await write(c.socket, get_from(x));
  const std::string heard = co_await read_all(c.socket);
  std::error_code cut;
  c.socket.set_option(asio::socket_base::linger(true, 0), cut);
  co_return heard.find("does not answer in HTTP/1.") != std::string::npos;
}

/// Some may be lost, and the association with its connection.
awaitable<bool> exchanges_datagrams(poor& x) {
  caller c(x, "UDP");
  const auto [refused] = co_await c.socket.async_connect(x.at, as_result);
  if (refused) co_return false;
  co_await write(c.socket, "\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"s);
  const std::string reply = co_await read(c.socket, 2 + 10);
  if (reply.size() != 12 || reply[3] != 0) co_return false;
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(reply[i]); };
  const udp::endpoint relay(loopback, static_cast<std::uint16_t>(octet(10) << 8 | octet(11)));
  const std::string packet = "\x00\x00\x00\x01\x7f\x00\x00\x01"s + port_bytes(x.to_udp_echo().port) + "hello";
  c.datagrams = udp::socket(x.io, {loopback, 0});
  c.datagrams.non_blocking(true);
  std::array<char, 100> room;
  for (int i = 0; i < 100; ++i) {
    std::error_code none;
    if (i % 5 == 0) c.datagrams.send_to(asio::buffer(packet), relay, 0, none);
    co_await pause(2ms);
    udp::endpoint from;
    const std::size_t n = c.datagrams.receive_from(asio::buffer(room), from, 0, none);
    if (!none && std::string(room.data(), n) == packet) co_return true;
  }
  co_return false;
}

awaitable<bool> one(poor& x, unsigned kind) {
  switch (kind % 5) {
    case 0: return echoes(x, socks_to(x));
    case 1: return echoes(x, socks_to_name(x));
    case 2: return echoes(x, connect_to(x));
    case 3: return gets(x);
    default: return exchanges_datagrams(x);
  }
}

awaitable<> some(poor& x, unsigned in_all) {
  while (x.asked < in_all) {
    const bool served = co_await one(x, x.asked++);
    x.served += served;
  }
}

/// So many connections, several at a time. Returns how many were served.
awaitable<unsigned> serve(poor& x, unsigned in_all, unsigned at_a_time) {
  x.asked = x.served = x.hung = 0;
  x.running = at_a_time;
  for (unsigned i = 0; i < at_a_time; ++i)
    asio::co_spawn(x.io, some(x, in_all), [&x](std::exception_ptr) { --x.running; });
  while (x.running > 0) co_await pause(1ms);
  INFO("hung:" << x.who_hung);
  CHECK(x.hung == 0);
  co_return x.served;
}

// --- what is left

/// What a proxy holds without connections.
struct holdings {
  std::size_t connections = 0, streams = 0, sub_streams = 0, counted = 0, mappings = 0, unnegotiated = 0;
  std::size_t main_connections = 0, timers = 0, descriptors = 0;
  std::uint64_t budget = 0;
  bool complete = false;
  bool operator==(const holdings&) const = default;
};

/// `now` without the difference that is no leak: a timer that was about to end at the first look has ended
/// since.
holdings without_ended_timers(holdings now, const holdings& before) {
  now.timers = std::max(now.timers, before.timers);
  return now;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(std::filesystem::begin(all), std::filesystem::end(all)));
}

awaitable<holdings> look(poor& x) {
  const instance_report c = co_await x.client.report(0);
  const instance_report s = co_await x.server.engine.report(0);
  holdings h;
  h.complete = c.complete && s.complete;
  h.connections = c.live;
  h.streams = s.live;
  for (const auto& [tag, o] : c.outbounds) {
    h.connections += o.live;
    for (const auto& m : o.main_connections) h.sub_streams += m.streams;
    h.main_connections += o.main_connections.size();
  }
  for (const auto& [tag, i] : s.inbounds)
    for (const auto& m : i.main_connections) h.sub_streams += m.streams;
  for (const instance_report* r : {&c, &s})
    for (const auto& row : r->counters) h.counted += row.live;
  h.mappings = x.server.nat.mappings();
  h.unnegotiated = x.server.unnegotiated();
  h.timers = c.timers + s.timers;
  h.descriptors = open_descriptors();
  h.budget = x.budget->used();
  co_return h;
}

std::string to_string(const holdings& h) {
  return fmt::format(
      "{} connections, {} + {} sub-streams, {} counted, {} mappings, {} unnegotiated, {} main connections, "
      "{} "
      "timers, {} descriptors, {} bytes, complete: {}",
      h.connections, h.streams, h.sub_streams, h.counted, h.mappings, h.unnegotiated, h.main_connections,
      h.timers, h.descriptors, h.budget, h.complete);
}

/// What is held as soon as it is no more than what was `wanted`, or after five seconds.
awaitable<holdings> look_until(poor& x, holdings wanted) {
  holdings now;
  for (int i = 0; i < 500; ++i) {
    now = without_ended_timers(co_await look(x), wanted);
    if (now == wanted) break;
    co_await pause(10ms);
  }
  co_return now;
}

/// With one main connection and nothing on it.
awaitable<holdings> at_rest(poor& x) {
  const unsigned served = co_await serve(x, 20, 4);
  CHECK(served == 20);
  co_await wait_for([&] { return x.server.streams() == 0 && x.server.nat.mappings() == 0; });
  holdings h, before;
  do {
    before = h;
    co_await pause(300ms);
    h = co_await look(x);
  } while (!(h == before));
  co_return h;
}

}  // namespace

TEST_CASE("failing allocations: cost single connections, and leave nothing behind", "[proxy][memory]") {
  static const program itself;
  if (!itself.is_known()) {
    WARN("the program has no names of functions: what Asio cannot do without is not known");
    return;
  }
  const std::uint64_t seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  const struct ending {
    ~ending() { shortage::end(); }
  } whatever_happens;
  poor x;
  x.run<poor>(x, [seed](poor& p) -> awaitable<> {
    const holdings before = co_await at_rest(p);
    INFO("before: " << to_string(before));
    CHECK(before.connections + before.streams + before.sub_streams + before.counted == 0);
    shortage::begin(itself, seed, 100);
    const unsigned served = co_await serve(p, 400, 16);
    shortage::end();
    INFO(served << " were served, " << shortage::failed << " allocations failed");
    CHECK(served > 100);
    CHECK(shortage::failed > 50);
    const unsigned served_after = co_await serve(p, 50, 4);
    CHECK(served_after == 50);
    const holdings after = co_await look_until(p, before);
    INFO("after: " << to_string(after));
    CHECK(after == before);
  });
  const auto begun = std::chrono::steady_clock::now();
  x.client.drain();
  x.client.wait();
  x.server.drain();
  x.server.wait();
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  CHECK(x.budget->used() == 0);
}
