// The command muxpro x25519, which makes keys for REALITY.
#include "proxy/reality/keys.hpp"

#include "commands.hpp"
#include "lines.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace muxpro::app {

namespace {

int print_keys(const std::string& private_key) {
  proxy::key_bytes key{};
  if (private_key.empty()) {
    key = proxy::random_key();
  } else if (const auto given = proxy::parse_key(private_key)) {
    key = *given;
  } else {
    throw usage_error("the private key must be 43 characters of base64");
  }
  print_line(stdout, fmt::format("PrivateKey: {}", proxy::to_text(key)));
  print_line(stdout,
             fmt::format("Password (PublicKey): {}", proxy::to_text(proxy::x25519_key(key).public_key())));
  return 0;
}

}  // namespace

void add_x25519_command(CLI::App& app, command& run) {
  auto key = std::make_shared<std::string>();
  CLI::App& s = *app.add_subcommand("x25519", "Print a new private key for REALITY, with its public key.");
  s.add_option("-i,--private-key", *key, "Print the public key of this private one");
  s.callback([key, &run] { run = [key] { return print_keys(*key); }; });
}

}  // namespace muxpro::app
