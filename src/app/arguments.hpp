// The command line as users of Xray write it.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace muxpro::app {

/// The arguments in the reversed order that CLI11 takes. "-confdir" becomes "--confdir", as Go's programs
/// have it. Throws usage_error, with the nearest name, if the first argument is neither an option nor a
/// command.
std::vector<std::string> arguments(const CLI::App& app, int argc, char** argv);

}  // namespace muxpro::app
