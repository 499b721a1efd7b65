#include "config_source.hpp"

#include "commands.hpp"
#include "config_format.hpp"
#include "proxy/config/merge.hpp"
#include "proxy/config/position.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <utility>

namespace muxpro::app {

namespace {

constexpr std::string_view default_file = "config.json";

bool is_typed(std::string_view file) { return file == "-" || file == "stdin:"; }

/// Reads at most one byte more than allowed, so that longer texts are noticed.
std::string content_of(std::istream& in, const std::string& name) {
  std::string text(proxy::max_config_size + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof()) throw std::runtime_error(fmt::format("cannot read {}", name));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::vector<std::string> files_in(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ec))
    if (format_of_file(entry.path().filename().string())) out.push_back(entry.path().string());
  if (ec) throw usage_error(fmt::format("cannot read the directory {}: {}", directory, ec.message()));
  if (out.empty())
    throw usage_error(fmt::format("the directory {} has no .json, .yaml or .toml file", directory));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

config_source::config_source(std::vector<std::string> files, const std::vector<std::string>& directories,
                             const std::string& format)
    : files_(std::move(files)), format_(format_by_name(format)) {
  for (const std::string& d : directories)
    for (std::string& file : files_in(d)) files_.push_back(std::move(file));
  if (!files_.empty()) return;
  if (!std::filesystem::exists(default_file))
    throw usage_error(fmt::format("there is no -c FILE, and no {} in this directory", default_file));
  files_.emplace_back(default_file);
}

std::string config_source::text_of(const std::string& file) {
  if (!is_typed(file)) {
    std::ifstream in(file, std::ios::binary);
    return content_of(in, file);
  }
  if (!std::exchange(has_typed_, true)) typed_ = content_of(std::cin, "standard input");
  return typed_;
}

std::optional<proxy::setting> config_source::read(proxy::config_mistakes& mistakes) {
  std::optional<proxy::setting> all;
  for (const std::string& file : files_) {
    std::string text = text_of(file);
    proxy::config_mistakes own;
    const config_format format = format_.value_or(format_of_file(file).value_or(config_format::json));
    auto one = parse_config(text, format, own);
    const std::string where = files_.size() > 1 ? file + " " : "";
    for (const auto& m : own.all()) mistakes.add(m.path, where + m.sentence);
    if (files_.size() == 1 && format == config_format::json) only_text_ = std::move(text);
    if (!one) continue;
    const bool tail = proxy::is_tail(std::filesystem::path(file).filename().string());
    all = all ? merged(std::move(*all), std::move(*one), tail) : std::move(one);
  }
  return mistakes.empty() ? std::move(all) : std::nullopt;
}

std::string config_source::name() const {
  const std::string first = is_typed(files_.front()) ? "standard input" : files_.front();
  return files_.size() == 1 ? first : fmt::format("{} and {} more", first, files_.size() - 1);
}

std::filesystem::path config_source::directory() const {
  const auto beside = std::filesystem::path(files_.front()).parent_path();
  return beside.empty() ? "." : beside;
}

std::string config_source::place_of(const proxy::setting& root, const std::string& path) const {
  if (path.empty()) return name();
  const std::string tag = proxy::tag_at(root, path);
  const auto at = proxy::position_of(only_text_, path);
  return path + (tag.empty() ? "" : fmt::format(" \"{}\"", tag)) +
         (only_text_.empty() || at.line == 0 ? "" : fmt::format(", line {}, column {}", at.line, at.column));
}

}  // namespace muxpro::app
