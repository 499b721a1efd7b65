// The client role for the conformance runner: sessions and pools that are driven by lines on stdin.
//
//   connect NAME PORT                          a session
//   pool NAME PORT [KEY=VALUE]...              a pool: concurrency, reuse, connections
//   open NAME tcp|udp PORT [prio=N] [data=HEX|*N] [gid=HEX] [host=H]
//   write NAME ID HEX|*N                       send for a UDP sub-stream: [HOST:PORT] behind it
//   shutdown NAME ID, reset NAME ID CODE, stats NAME ID, close NAME, drain NAME, twice NAME
//
// The port selects what the application does with the sub-stream, as the runner's targets of that port would:
// 7007 echoes, 7008 never reads, 7009 writes without end, 7010 resets, 7011 answers the byte count, 7012
// sends "bye" and ends. On all others it reads, and writes what the runner requests.
//
// Answers: up NAME VERSION, down NAME WHY, opened NAME ID PORT, refused NAME WHY, rend and wend NAME ID BYTES
// WHY (the end of reading and of writing), wrote NAME ID BYTES, stats NAME ID KEY=VALUE...
#include <muxpro.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

using asio::ip::tcp;
using muxpro::session_options;
using words = std::vector<std::string>;

auto or_error(std::error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

template <class... A>
void say(fmt::format_string<A...> form, A&&... a) {
  fmt::print(form, std::forward<A>(a)...);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

std::string name_of(const std::error_code& ec) {
  if (!ec) return "ok";
  if (ec == asio::error::eof) return "eof";
  return fmt::format("{}:{}", ec.category().name(), ec.value());
}

/// "*N" stands for N bytes.
std::vector<std::byte> bytes_of(const std::string& text) {
  if (!text.empty() && text[0] == '*')
    return std::vector<std::byte>(std::stoul(text.substr(1)), std::byte{'w'});
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return out;
}

std::map<std::string, std::string> settings(const words& line, std::size_t from) {
  std::map<std::string, std::string> out;
  for (std::size_t i = from; i < line.size(); ++i) {
    const auto equals = line[i].find('=');
    out[line[i].substr(0, equals)] = equals == std::string::npos ? "" : line[i].substr(equals + 1);
  }
  return out;
}

/// A sub-stream and what is done with it.
struct stream {
  stream(std::string o, muxpro::sub_stream s)
      : owner(std::move(o)), id(s.id()), port(s.target().port), bytes(std::move(s)) {}
  stream(std::string o, muxpro::sub_datagram s)
      : owner(std::move(o)), id(s.id()), port(s.target().port), datagrams(std::move(s)) {}

  const std::string owner;
  const muxpro::stream_id id;
  const std::uint16_t port;
  muxpro::sub_stream bytes;
  muxpro::sub_datagram datagrams;
  std::uint64_t got = 0, sent = 0;
  /// One write at a time: further writes wait here.
  std::vector<std::byte> waiting;
  bool writing = false, ending = false;
};
using stream_ptr = std::shared_ptr<stream>;

asio::awaitable<void> write(stream_ptr s, std::vector<std::byte> data) {
  std::error_code ec;
  s->sent += co_await asio::async_write(s->bytes, asio::buffer(data), or_error(ec));
  if (ec) say("wend {} {} {} {}", s->owner, s->id, s->sent, name_of(ec));
}

asio::awaitable<void> finish(stream_ptr s) {
  std::error_code ec;
  co_await s->bytes.async_shutdown(or_error(ec));
  say("wend {} {} {} {}", s->owner, s->id, s->sent, name_of(ec));
}

asio::awaitable<void> write_waiting(stream_ptr s) {
  while (!s->waiting.empty()) {
    const std::vector<std::byte> data = std::exchange(s->waiting, {});
    std::error_code ec;
    s->sent += co_await asio::async_write(s->bytes, asio::buffer(data), or_error(ec));
    if (ec) {
      say("wend {} {} {} {}", s->owner, s->id, s->sent, name_of(ec));
      co_return;
    }
    say("wrote {} {} {}", s->owner, s->id, s->sent);
  }
  s->writing = false;
  if (s->ending) co_await finish(s);
}

asio::awaitable<void> write_without_end(stream_ptr s) {
  const std::vector<std::byte> data(65536, std::byte{'s'});
  for (;;) {
    std::error_code ec;
    s->sent += co_await s->bytes.async_write_some(asio::buffer(data), or_error(ec));
    if (ec) break;
  }
  say("wend {} {} {} ended", s->owner, s->id, s->sent);
}

asio::awaitable<void> read_all(stream_ptr s) {
  std::vector<std::byte> into(65536);
  std::error_code ec;
  while (!ec) {
    const std::size_t n = co_await s->bytes.async_read_some(asio::buffer(into), or_error(ec));
    s->got += n;
    if (ec || s->port != 7007) continue;
    std::vector<std::byte> echo(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(n));
    co_await write(s, std::move(echo));
  }
  say("rend {} {} {} {}", s->owner, s->id, s->got, name_of(ec));
  if (ec != asio::error::eof) co_return;
  if (s->port == 7011) {
    const std::string answer = std::to_string(s->got);
    const auto* const first = reinterpret_cast<const std::byte*>(answer.data());
    std::vector<std::byte> data(first, first + answer.size());
    co_await write(s, std::move(data));
  }
  if (s->port == 7007 || s->port == 7011) co_await finish(s);
}

asio::awaitable<void> say_bye(stream_ptr s) {
  std::vector<std::byte> bye{std::byte{'b'}, std::byte{'y'}, std::byte{'e'}};
  co_await write(s, std::move(bye));
  co_await finish(s);
}

asio::awaitable<void> watch_sink(stream_ptr s) {
  std::error_code ec;
  co_await s->bytes.async_wait_reset(or_error(ec));
  say("rend {} {} 0 {}", s->owner, s->id, name_of(ec));
}

asio::awaitable<void> receive_all(stream_ptr s) {
  std::vector<std::byte> into(muxpro::max_datagram);
  for (;;) {
    std::error_code ec;
    muxpro::host_port from;
    const std::size_t n = co_await s->datagrams.async_receive_from(asio::buffer(into), from, or_error(ec));
    if (ec) {
      say("rend {} {} {} {}", s->owner, s->id, s->got, name_of(ec));
      co_return;
    }
    s->got += n;
    say("datagram {} {} {}", s->owner, s->id, n);
    if (s->port == 7007)
      co_await s->datagrams.async_send_to(asio::buffer(into.data(), n), from, or_error(ec));
  }
}

class driver {
 public:
  driver(asio::io_context& io, session_options options)
      : io_(io), options_(std::move(options)), in_(io, ::dup(0)) {}

  asio::awaitable<void> run() {
    std::string buffer;
    for (;;) {
      std::error_code ec;
      const std::size_t n =
          co_await asio::async_read_until(in_, asio::dynamic_buffer(buffer), '\n', or_error(ec));
      if (ec) break;
      std::istringstream text(buffer.substr(0, n));
      buffer.erase(0, n);
      words line;
      for (std::string w; text >> w;) line.push_back(w);
      if (!line.empty()) obey(line);
    }
    streams_.clear();
    sessions_.clear();
    pools_.clear();
    io_.stop();
  }

 private:
  struct pooled {
    std::uint16_t port;
    muxpro::client_pool pool;
  };

  void spawn(asio::awaitable<void> what) {
    asio::co_spawn(io_, std::move(what), [](std::exception_ptr) {});
  }

  void obey(const words& line) {
    const std::string& verb = line[0];
    if (verb == "connect") {
      spawn(connect(line[1], static_cast<std::uint16_t>(std::stoul(line[2]))));
    } else if (verb == "pool") {
      make_pool(line);
    } else if (verb == "open") {
      open(line);
    } else if (verb == "close" || verb == "twice") {
      for (int i = verb == "twice" ? 2 : 1; i > 0; --i) {
        if (const auto s = sessions_.find(line[1]); s != sessions_.end()) s->second->close();
        if (const auto p = pools_.find(line[1]); p != pools_.end()) p->second->pool.close();
      }
    } else if (verb == "drain") {
      spawn(drain(line[1]));
    } else {
      const auto found = streams_.find(line[1] + ' ' + line[2]);
      if (found != streams_.end()) obey(line, found->second);
    }
  }

  void obey(const words& line, const stream_ptr& s) {
    const std::string& verb = line[0];
    if (verb == "write" && s->datagrams.is_open()) {
      spawn(send(s, line));
    } else if (verb == "write") {
      const auto data = bytes_of(line[3]);
      s->waiting.insert(s->waiting.end(), data.begin(), data.end());
      if (!std::exchange(s->writing, true)) spawn(write_waiting(s));
    } else if (verb == "shutdown") {
      s->ending = true;
      if (!s->writing) spawn(finish(s));
    } else if (verb == "reset") {
      const auto code = static_cast<muxpro::end_code>(std::stoul(line[3]));
      s->datagrams.is_open() ? s->datagrams.reset(code) : s->bytes.reset(code);
    } else if (verb == "stats") {
      const muxpro::stream_stats t = s->datagrams.is_open() ? s->datagrams.stats() : s->bytes.stats();
      say("stats {} {} sent={} received={} credit={} window={} unread={} dropped_out={} dropped_in={}",
          s->owner, s->id, t.sent.bytes, t.received.bytes, t.send_credit, t.receive_window, t.unread,
          t.datagrams_dropped_out, t.datagrams_dropped_in);
    } else if (verb == "forget") {
      streams_.erase(line[1] + ' ' + line[2]);
    }
  }

  asio::awaitable<void> connect(std::string name, std::uint16_t port) {
    tcp::socket socket(io_);
    std::error_code ec;
    co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, or_error(ec));
    if (!ec) socket.set_option(tcp::no_delay(true), ec);
    const auto s = std::make_shared<muxpro::session>(std::move(socket), muxpro::role::client, options_);
    sessions_[name] = s;
    co_await s->async_handshake(or_error(ec));
    if (!ec) {
      say("up {} {}", name, s->negotiated() == muxpro::version_0_1 ? "0.1" : "0.0");
      co_await s->async_run(or_error(ec));
    }
    say("down {} {}", name, name_of(ec));
  }

  asio::awaitable<tcp::socket> dial(std::uint16_t port) {
    tcp::socket socket(io_);
    ++dials_;
    say("dial {}", port);
    co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    co_return socket;
  }

  void make_pool(const words& line) {
    muxpro::client_pool_options options;
    options.session = options_;
    auto set = settings(line, 3);
    const auto number = [&set](const char* key, std::uint32_t& into) {
      if (set.contains(key)) into = static_cast<std::uint32_t>(std::stoul(set[key]));
    };
    number("concurrency", options.max_concurrency);
    number("reuse", options.max_reuse);
    number("connections", options.max_connections);
    const auto port = static_cast<std::uint16_t>(std::stoul(line[2]));
    auto dialer = [this, port] { return dial(port); };
    pools_[line[1]] =
        std::make_unique<pooled>(pooled{port, muxpro::client_pool(io_.get_executor(), dialer, options)});
  }

  void open(const words& line) {
    auto set = settings(line, 4);
    muxpro::open_request request;
    const std::string host = set.contains("host") ? set["host"] : "127.0.0.1";
    const auto port = static_cast<std::uint16_t>(std::stoul(line[3]));
    request.target = {line[2] == "udp" ? muxpro::network::udp : muxpro::network::tcp, host, port};
    if (set.contains("prio")) request.priority = static_cast<std::uint8_t>(std::stoul(set["prio"]));
    if (set.contains("data")) request.first_data = bytes_of(set["data"]);
    if (set.contains("gid")) {
      const auto octets = bytes_of(set["gid"]);
      muxpro::global_id id{};
      for (std::size_t i = 0; i < std::min(octets.size(), id.size()); ++i)
        id[i] = static_cast<std::uint8_t>(octets[i]);
      request.source = id;
    }
    spawn(open_one(line[1], std::move(request)));
  }

  asio::awaitable<void> open_one(std::string name, muxpro::open_request request) {
    std::error_code ec;
    muxpro::sub_stream s;
    const bool udp = request.target.net == muxpro::network::udp;
    if (const auto found = sessions_.find(name); found != sessions_.end()) {
      const auto keep = found->second;
      s = co_await keep->async_open(std::move(request), or_error(ec));
    } else if (const auto pool = pools_.find(name); pool != pools_.end()) {
      s = co_await pool->second->pool.async_open(std::move(request), or_error(ec));
    } else {
      ec = asio::error::not_found;
    }
    if (ec) {
      say("refused {} {}", name, name_of(ec));
      co_return;
    }
    begin(udp ? std::make_shared<stream>(name, muxpro::sub_datagram(std::move(s)))
              : std::make_shared<stream>(name, std::move(s)));
  }

  void begin(const stream_ptr& s) {
    streams_[fmt::format("{} {}", s->owner, s->id)] = s;
    say("opened {} {} {}", s->owner, s->id, s->port);
    if (s->datagrams.is_open()) return spawn(receive_all(s));
    if (s->port == 7008) return spawn(watch_sink(s));
    if (s->port == 7010) return s->bytes.reset(muxpro::end_code::remote_disconnect);
    if (s->port == 7009) spawn(write_without_end(s));
    if (s->port == 7012) spawn(say_bye(s));
    spawn(read_all(s));
  }

  asio::awaitable<void> send(stream_ptr s, words line) {
    const auto data = bytes_of(line[3]);
    std::error_code ec;
    if (line.size() > 4) {
      const auto colon = line[4].rfind(':');
      muxpro::host_port to{line[4].substr(0, colon),
                           static_cast<std::uint16_t>(std::stoul(line[4].substr(colon + 1)))};
      co_await s->datagrams.async_send_to(asio::buffer(data), std::move(to), or_error(ec));
    } else {
      co_await s->datagrams.async_send(asio::buffer(data), or_error(ec));
    }
    say("sent {} {} {}", s->owner, s->id, name_of(ec));
  }

  asio::awaitable<void> drain(std::string name) {
    std::error_code ec;
    if (const auto found = sessions_.find(name); found != sessions_.end()) {
      const auto keep = found->second;
      co_await keep->async_drain(or_error(ec));
    }
    say("drained {} {}", name, name_of(ec));
  }

  asio::io_context& io_;
  const session_options options_;
  asio::posix::stream_descriptor in_;
  std::map<std::string, std::shared_ptr<muxpro::session>> sessions_;
  std::map<std::string, std::unique_ptr<pooled>> pools_;
  std::map<std::string, stream_ptr> streams_;
  std::uint64_t dials_ = 0;
};

session_options scaled(double factor) {
  session_options o;
  for (muxpro::duration* d :
       {&o.negotiate_timeout, &o.stream_idle, &o.half_close_linger, &o.credit_stall_timeout, &o.id_quarantine,
        &o.session_idle, &o.keep_alive_interval, &o.frame_read_timeout, &o.write_stall_timeout})
    *d = std::chrono::duration_cast<muxpro::duration>(*d / factor);
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  double scale = 1;
  std::uint32_t max_window = 0;
  double keep_alive = -1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--time-scale") scale = std::atof(argv[i + 1]);
    if (flag == "--max-window") max_window = static_cast<std::uint32_t>(std::atol(argv[i + 1]));
    if (flag == "--keep-alive") keep_alive = std::atof(argv[i + 1]);
  }
  session_options options = scaled(scale);
  if (max_window > 0) options.max_window = max_window;
  if (keep_alive >= 0)
    options.keep_alive_interval =
        std::chrono::duration_cast<muxpro::duration>(std::chrono::duration<double>(keep_alive));
  asio::io_context io(1);
  driver d(io, options);
  asio::co_spawn(io, d.run(), [](std::exception_ptr) {});
  io.run();
  return 0;
}
