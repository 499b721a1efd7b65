// The commands muxpro import and muxpro export, which convert share links to a configuration, and back.
#include "commands.hpp"
#include "config_source.hpp"
#include "lines.hpp"
#include "proxy/config/merge.hpp"
#include "proxy/config/share_link.hpp"
#include "qr_code.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace muxpro::app {

namespace {

std::vector<std::string> all_links(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const std::string& word : words) {
    const std::string text = word == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : word;
    for (std::string& link : proxy::links_in(text)) out.push_back(std::move(link));
  }
  return out;
}

int import_links(const std::vector<std::string>& words) {
  std::vector<proxy::setting> outbounds;
  std::size_t number = 0;
  for (const std::string& link : all_links(words)) {
    ++number;
    std::string why;
    if (auto o = proxy::outbound_of_link(link, why))
      outbounds.push_back(std::move(*o));
    else
      print_line(stderr, fmt::format("link {} {}", number, why));  // a link is a secret
  }
  if (outbounds.empty()) throw usage_error("there is no link that muxpro can read");
  const bool all = outbounds.size() == number;
  print_line(stdout, proxy::json_text(proxy::client_config(std::move(outbounds))));
  return all ? 0 : 1;
}

int export_links(const std::vector<std::string>& files, bool as_codes) {
  if (as_codes && !has_qr_codes())
    throw usage_error("this muxpro was built without QR codes (Debian: libqrencode-dev)");
  config_source source(files);
  proxy::config_mistakes mistakes;
  const auto root = source.read(mistakes);
  for (const auto& m : mistakes.all()) print_line(stderr, fmt::format("{}: {}", source.name(), m.sentence));
  const auto* o = root ? std::get_if<proxy::setting::object>(&root->is) : nullptr;
  const auto found = o ? o->find("outbounds") : proxy::setting::object::const_iterator();
  const auto* list = o && found != o->end() ? std::get_if<proxy::setting::list>(&found->second.is) : nullptr;
  bool any = false;
  for (std::size_t i = 0; list && i < list->size(); ++i)
    if (const auto link = proxy::link_of_outbound((*list)[i])) {
      print_line(stdout, *link);
      if (as_codes) print_line(stdout, qr_code(*link));
      any = true;
    }
  return any ? 0 : 1;
}

}  // namespace

void add_link_commands(CLI::App& app, command& run) {
  const auto links = std::make_shared<std::vector<std::string>>();
  CLI::App& in = *app.add_subcommand(
      "import", "Print a configuration for share links of vless, vmess, trojan, ss and socks.");
  in.add_option("links", *links, "Links, or the text of a subscription; -: standard input")->required();
  in.callback([links, &run] { run = [links] { return import_links(*links); }; });
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App& out = *app.add_subcommand("export", "Print the share links of a configuration's outbounds.");
  out.add_option("-c,--config,files", *files, "Files, as for run; default: ./config.json");
  const auto as_codes = std::make_shared<bool>(false);
  out.add_flag("--qr", *as_codes, "Show each link as a QR code, too");
  out.callback([=, &run] { run = [=] { return export_links(*files, *as_codes); }; });
}

}  // namespace muxpro::app
