// Sends to an echo server over many sub-streams of one Mux.Pro session, verifies what comes back, measures.
#include "echo_load.hpp"
#include "echo_stdin.hpp"

namespace {

using namespace examples;

constexpr const char* help = R"(echo_client --connect HOST:PORT|unix:PATH [flags] [-]
Sends to an echo server over Mux.Pro, verifies every byte that comes back, and prints what it measured.

  --connect WHERE  HOST:PORT, [IPV6]:PORT or unix:PATH
  --streams N      sub-streams at once (1 to 65534, default 1); one more measures round trips
  --bytes N        bytes per sub-stream; K, M and G are powers of 1024 (default 16M)
  --message N      bytes per write (1 to 16M, default 64K)
  --priority P     of the sub-streams, 0 (first) to 255 (last), default 0; round trips are measured with 0
  --seconds N      sends for so long instead of a number of bytes (1 to 86400)
  -                sends standard input over one sub-stream, and prints what comes back
  --help           this text

SIGINT and SIGTERM: sends nothing new, waits up to 5 s until everything under way has come back, and exits
with 130 or 143. A second signal ends it at once.
Exit status: 0; 1 if anything is lost or differs, or the peer cannot be reached or is no Mux.Pro server;
2 for a wrong command line; 130 or 143 after a signal.
)";

struct client_options : load_options {
  bool from_stdin = false;
};

client_options parse(int argc, char** argv) {
  client_options o;
  bool with_load_flags = false, with_bytes = false;
  flags f(argc, argv);
  while (f.next()) {
    if (f.is("--help")) print_help(help);
    with_load_flags |= f.is("--streams") || f.is("--bytes") || f.is("--message") || f.is("--seconds");
    with_bytes |= f.is("--bytes");
    if (f.is("--connect"))
      o.connect = parse_endpoint("--connect", f.value(), 1);
    else if (f.is("--streams"))
      o.streams = f.number<std::uint32_t>(1, 65534);
    else if (f.is("--bytes"))
      o.bytes = f.number(0, std::uint64_t{1} << 46, true);
    else if (f.is("--message"))
      o.message = f.number<std::size_t>(1, 16 << 20, true);
    else if (f.is("--priority"))
      o.priority = f.number<std::uint8_t>(0, 255);
    else if (f.is("--seconds"))
      o.duration = std::chrono::seconds(f.number<std::int64_t>(1, 86400));
    else if (f.is("-"))
      o.from_stdin = true;
    else
      f.unknown();
  }
  if (o.connect.text.empty()) throw usage_error("--connect is missing; see --help");
  if (with_bytes && o.duration > std::chrono::seconds(0))
    throw usage_error("--bytes and --seconds exclude each other");
  if (o.from_stdin && with_load_flags)
    throw usage_error("- excludes --streams, --bytes, --message and --seconds");
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program("echo_client", [&] {
    const client_options options = parse(argc, argv);
    if (options.from_stdin) stdin_pipe::check_descriptors();
    asio::io_context io(1);
    if (options.from_stdin) return stdin_pipe(io, options.connect, options.priority).run();
    return load(io, options).run();
  });
}
