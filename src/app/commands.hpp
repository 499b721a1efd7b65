// The commands of the program. Each function adds one to the command line, and sets `run` if it is chosen.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
}

namespace muxpro::app {

/// A command line that cannot be executed.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Returns the exit status, or throws.
using command = std::function<int()>;

/// "0.1.0"
std::string version_number();
/// What version and --version print, in the form that panels read.
std::string version_text();

void add_client_command(CLI::App& app, command& run);
void add_demo_command(CLI::App& app, command& run);
void add_config_commands(CLI::App& app, command& run);
void add_help_command(CLI::App& app, command& run);
void add_reality_command(CLI::App& app, command& run);
/// import and export.
void add_link_commands(CLI::App& app, command& run);
/// version, uuid and tls.
void add_key_commands(CLI::App& app, command& run);
void add_server_command(CLI::App& app, command& run);
void add_x25519_command(CLI::App& app, command& run);

}  // namespace muxpro::app
