// Certificates from the command line.
#pragma once

#include <string>
#include <vector>

namespace muxpro::app {

struct self_signed_options {
  std::vector<std::string> names;
  std::string common_name, organization, file;
  unsigned days = 90;
};

/// Prints it as PEM, or writes it to files. Returns the exit status, or throws std::runtime_error.
int make_certificate(const self_signed_options& o);
/// Prints the SHA-256 of the first certificate in a PEM file.
int print_hash(const std::string& file);

}  // namespace muxpro::app
