// line_queue, the lines of a log between the threads that make them and the thread that writes them. A rule
// without I/O and clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

/// Holds so many bytes of text at most, and does not allocate after its construction. Lines that find no room
/// are lost. A line that counts them takes their place.
class line_queue {
 public:
  explicit line_queue(std::size_t room) : room_(room) { prepare(text_); }

  /// `text` gets the memory for take().
  void prepare(std::string& text) const { text.reserve(room_ + longest_count); }

  /// Adds the line "HEAD TEXT". An empty head adds no space. From the first line that finds no room until
  /// take(), all lines are lost, because a shorter one would stand before the count.
  void push(std::string_view head, std::string_view text) noexcept {
    const std::size_t size = head.size() + !head.empty() + text.size() + 1;
    if (lost_ > 0 || size > room_ - text_.size()) return lose();
    append(text_, head, text);
  }
  /// A line that could not be made is lost as well.
  void lose() noexcept { ++lost_; }
  bool empty() const noexcept { return text_.empty() && lost_ == 0; }

  /// Swaps what waits with `text`, which was prepared and is empty. If lines were lost behind that, a line
  /// "HEAD N lines lost" follows.
  void take(std::string& text, std::string_view head) {
    text_.swap(text);
    if (lost_ > 0) append(text, head.substr(0, longest_head), count(std::exchange(lost_, 0)));
  }
  static std::string count(std::uint64_t lost) {
    return std::to_string(lost) + (lost == 1 ? " line lost" : " lines lost");
  }

 private:
  static constexpr std::size_t longest_head = 64, longest_count = longest_head + 40;

  static void append(std::string& to, std::string_view head, std::string_view text) {
    if (!head.empty()) to.append(head) += ' ';
    to.append(text) += '\n';
  }

  const std::size_t room_;
  std::string text_;
  std::uint64_t lost_ = 0;
};

}  // namespace muxpro::proxy
