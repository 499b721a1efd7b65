// The commands muxpro version, uuid and tls, by which users of Xray make keys and certificates.
#include "commands.hpp"
#include "lines.hpp"
#include "self_signed.hpp"
#include "tls_ping.hpp"

#include "proxy/base/text.hpp"
#include "proxy/base/uuid.hpp"
#include "proxy/config/go_duration.hpp"

#include <muxpro/config.hpp>

#include <fmt/format.h>
#include <openssl/rand.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::app {

namespace {

// Panels take the second part of the first line, or what stands behind "Xray", for the version of Xray whose
// configurations the program takes.
constexpr std::string_view xray_version = "26.7.28";

int print_version() {
  print_line(stdout, version_text());
  return 0;
}

/// "240h", as Go writes times, or a number of days.
unsigned days_in(const std::string& text) {
  constexpr int most = 100 * 365;
  const auto time = proxy::parse_go_duration(text);
  const auto days = proxy::number<std::uint32_t>(text);
  const auto hours = time ? std::chrono::duration_cast<std::chrono::hours>(*time).count() : 0;
  const std::int64_t out = days ? std::int64_t{*days} : (hours + 23) / 24;
  if (out < 1 || out > most) throw usage_error("--expire must be a number of days, or a time such as 240h");
  return static_cast<unsigned>(out);
}

int print_uuid(const std::string& text) {
  if (!text.empty()) {
    const auto id = proxy::parse_uuid(text);
    if (!id) throw usage_error("a text of 1 to 30 bytes, or a UUID, makes a UUID");
    print_line(stdout, proxy::to_string(*id));
    return 0;
  }
  proxy::uuid id{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(id.data()), static_cast<int>(id.size())) != 1)
    throw std::runtime_error("there are no random numbers");
  id[6] = (id[6] & std::byte{0x0f}) | std::byte{0x40};  // version 4 (RFC 9562 section 5.4)
  id[8] = (id[8] & std::byte{0x3f}) | std::byte{0x80};
  print_line(stdout, proxy::to_string(id));
  return 0;
}

void add_tls(CLI::App& app, command& run) {
  CLI::App& tls = *app.add_subcommand("tls", "Make and look at certificates.");
  tls.require_subcommand(1);
  const auto what = std::make_shared<self_signed_options>();
  CLI::App& cert = *tls.add_subcommand("cert", "Print a self-signed certificate and its key.");
  cert.add_option("--domain", what->names, "Names and addresses that it is for");
  cert.add_option("--name", what->common_name, "The common name; default: the first domain");
  cert.add_option("--org", what->organization, "The organization");
  const auto expires = std::make_shared<std::string>(std::to_string(what->days));
  cert.add_option("--expire", *expires, "Days until it expires, or a time such as 2160h")
      ->capture_default_str();
  cert.add_option("--file", what->file, "Write FILE.crt and FILE.key instead");
  cert.callback([=, &run] {
    run = [=] {
      what->days = days_in(*expires);
      return make_certificate(*what);
    };
  });
  const auto host = std::make_shared<std::string>(), address = std::make_shared<std::string>();
  CLI::App& ping =
      *tls.add_subcommand("ping", "Show the certificate and the negotiated parameters of a TLS server.");
  ping.add_option("host", *host, "HOST or HOST:PORT")->required();
  ping.add_option("--ip", *address, "Connect to this address instead of the name's");
  ping.callback([=, &run] { run = [=] { return tls_ping(*host, *address); }; });
  const auto file = std::make_shared<std::string>();
  CLI::App& hash =
      *tls.add_subcommand("hash", "Print the SHA-256 of a certificate, as pinnedPeerCertSha256 has it.");
  hash.add_option("--cert,file", *file, "A PEM file; its first certificate counts")->required();
  hash.callback([file, &run] { run = [file] { return print_hash(*file); }; });
}

}  // namespace

std::string version_number() {
  return fmt::format("{}.{}.{}", MUXPRO_VERSION_MAJOR, MUXPRO_VERSION_MINOR, MUXPRO_VERSION_PATCH);
}

std::string version_text() {
  return fmt::format(
      "Xray {} (muxpro {}, which takes its configurations) (C++20, linux)\n"
      "A proxy for configurations of V2Ray and Xray, with Mux.Pro.",
      xray_version, version_number());
}

void add_key_commands(CLI::App& app, command& run) {
  app.add_subcommand("version", "Print the version, with that of Xray whose configurations it takes.")
      ->callback([&run] { run = print_version; });
  const auto text = std::make_shared<std::string>();
  CLI::App& id = *app.add_subcommand("uuid", "Print a random UUID, or that of a text.");
  id.add_option("-i,text", *text, "A text of 1 to 30 bytes");
  id.callback([text, &run] { run = [text] { return print_uuid(*text); }; });
  add_tls(app, run);
}

}  // namespace muxpro::app
