// Lines for the operator on standard output and standard error.
#pragma once

#include <cstdio>
#include <string>

namespace muxpro::app {

/// Drops the line if its reader has closed the pipe. fmt::print() would throw.
inline void print_line(std::FILE* to, std::string line) {
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), to);
}

}  // namespace muxpro::app
