// The fields of a request or an answer. Ring 4.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// In the order in which they come. Names are in lower case, pseudo fields such as ":path" among them.
class http2_head {
 public:
  using field = std::pair<std::string, std::string>;

  http2_head() = default;
  http2_head(std::initializer_list<field> fields) {
    for (const auto& [name, value] : fields) add(name, value);
  }
  void add(std::string name, std::string value) {
    size_ += name.size() + value.size() + 32;
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Returns the first value of the name. Empty if the field is absent.
  std::string_view operator[](std::string_view name) const noexcept {
    for (const field& f : fields_)
      if (f.first == name) return f.second;
    return {};
  }
  const std::vector<field>& fields() const noexcept { return fields_; }
  /// As SETTINGS_MAX_HEADER_LIST_SIZE counts.
  std::size_t size() const noexcept { return size_; }

 private:
  std::vector<field> fields_;
  std::size_t size_ = 0;
};

}  // namespace muxpro::proxy
