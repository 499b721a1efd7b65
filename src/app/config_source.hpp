// config_source, the texts of a configuration, from files, the files of directories, and standard input.
#pragma once

#include "config_format.hpp"
#include "proxy/config/config.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::app {

class config_source {
 public:
  /// `files` are names, and "-" or "stdin:" for standard input. `directories` stand for all .json, .yaml and
  /// .toml files in them, in the order of their names. Without both it is ./config.json. `format` is that of
  /// all texts. If format_by_name() does not have it, the names of the files decide, and otherwise it is
  /// JSON. Throws usage_error if there is no file.
  explicit config_source(std::vector<std::string> files, const std::vector<std::string>& directories = {},
                         const std::string& format = {});

  /// All texts as one. Adds mistakes if a text is not in its format. Throws std::runtime_error if a file
  /// cannot be read. Standard input is read once.
  std::optional<proxy::setting> read(proxy::config_mistakes& mistakes);
  /// What messages call it.
  std::string name() const;
  /// The first file's.
  std::filesystem::path directory() const;
  /// PATH "TAG", line 7, column 3
  std::string place_of(const proxy::setting& root, const std::string& path) const;

 private:
  std::string text_of(const std::string& file);

  std::vector<std::string> files_;
  std::optional<config_format> format_;
  std::string typed_;  ///< from standard input
  bool has_typed_ = false;
  std::string only_text_;  ///< if there is only one text, of JSON, places are in it
};

}  // namespace muxpro::app
