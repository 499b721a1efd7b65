// The `muxpro` program: one command of several.
#include "commands.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  CLI::App app("Mux.Pro: many connections over one.", "muxpro");
  app.set_version_flag("--version", "muxpro 0.1.0");
  app.require_subcommand(1);
  muxpro::app::command run;
  muxpro::app::add_client_command(app, run);
  muxpro::app::add_server_command(app, run);
  muxpro::app::add_config_commands(app, run);
  muxpro::app::add_demo_command(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    fmt::print(stderr, "muxpro: {} (muxpro {}--help lists what there is)\n", e.what(),
               app.get_subcommands().empty() ? "" : app.get_subcommands().front()->get_name() + " ");
    return 2;
  }
  try {
    return run();
  } catch (const muxpro::app::usage_error& e) {
    fmt::print(stderr, "muxpro: {}\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "muxpro: {}\n", e.what());
    return 1;
  }
}
