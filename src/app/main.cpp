// The `muxpro` program, which runs one of several commands.
#include "arguments.hpp"
#include "commands.hpp"
#include "lines.hpp"
#include "until_signal.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

namespace {

/// A socket would get the number of a standard stream that is closed, and the log would go to its peer.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return;
}

/// The usual soft limit is 1024, for the sake of programs that call select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  muxpro::app::ignore_harmless_signals();
  open_standard_streams();
  raise_descriptor_limit();
  CLI::App app("A proxy for configurations of V2Ray and Xray, with Mux.Pro.", "muxpro");
  app.set_version_flag("--version", muxpro::app::version_text());
  app.require_subcommand(1);
  muxpro::app::command run;
  muxpro::app::add_client_command(app, run);
  muxpro::app::add_server_command(app, run);
  muxpro::app::add_config_commands(app, run);
  muxpro::app::add_demo_command(app, run);
  muxpro::app::add_key_commands(app, run);
  muxpro::app::add_link_commands(app, run);
  muxpro::app::add_help_command(app, run);
  muxpro::app::add_reality_command(app, run);
  muxpro::app::add_x25519_command(app, run);
  try {
    app.parse(muxpro::app::arguments(app, argc, argv));
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    const auto commands = app.get_subcommands();
    const std::string command = commands.empty() ? "" : commands.front()->get_name() + " ";
    muxpro::app::print_line(stderr, fmt::format("muxpro: {} (see muxpro {}--help)", e.what(), command));
    return 2;
  } catch (const muxpro::app::usage_error& e) {
    muxpro::app::print_line(stderr, fmt::format("muxpro: {} (see muxpro --help)", e.what()));
    return 2;
  }
  try {
    return run();
  } catch (const muxpro::app::usage_error& e) {
    muxpro::app::print_line(stderr, fmt::format("muxpro: {}", e.what()));
    return 2;
  } catch (const std::exception& e) {
    muxpro::app::print_line(stderr, fmt::format("muxpro: {}", e.what()));
    return 1;
  }
}
