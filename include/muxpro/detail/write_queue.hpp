// write_queue, which chooses the next frame for the main connection. Ring 1.
//
// Control frames go first, in the order in which they were queued. Credit is coalesced to one frame per
// sub-stream. Data follows by stride scheduling over priority levels. A level's clock advances by bytes sent,
// eight times as fast at priority 255 as at 0, and the level with the slowest clock is served. Inside a level
// sub-streams take turns of so many bytes (deficit round
// robin). So priority 0 gets 8 : 1 against 255, equals share equally whatever the size of their
// frames, and no number of others can starve a level.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/intrusive_list.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace muxpro::detail {

struct data_tag;
struct credit_tag;

class write_queue {
  struct level;

 public:
  /// A sub-stream as the scheduler sees it. remove_data() it before it is destroyed.
  class source : public list_node<data_tag>, public list_node<credit_tag> {
   public:
    std::uint8_t priority = 0;

   protected:
    ~source() = default;

   private:
    friend class write_queue;
    std::int32_t turn_left = 0;    // bytes, negative after a frame larger than the turn
    level* of_priority = nullptr;  // set when it is queued for the first time
  };

  void speaks(dialect d) noexcept { dialect_ = d; }

  /// Encodes a control frame behind those that wait. `provoked` is true if the frame answers misuse by the
  /// peer.
  template <class Frame>
  void push_control(const Frame& f, bool provoked = false) {
    std::array<std::byte, max_encoded_header> encoded;
    const std::size_t n = encode_in(dialect_, f, encoded);
    reserve_control(n);
    append_control(const_bytes(encoded).first(n));
    ++control_frames_;
    ++pushed_[frame(f).index()];
    if (provoked) ++provoked_;
  }
  /// So many bytes can then be pushed and appended without an allocation.
  void reserve_control(std::size_t n) {
    constexpr std::size_t least = 128;
    if (control_.capacity() - control_.size() < n)
      control_.reserve(std::max({least, 2 * control_.capacity(), control_.size() + n}));
  }
  /// Without control frames it gives their memory back.
  void free_memory() noexcept {
    if (control_.empty()) std::vector<std::byte>().swap(control_);
  }
  void append_control(const_bytes data) { control_.insert(control_.end(), data.begin(), data.end()); }

  /// Hands over the encoded control frames. `into` is emptied first and its memory reused.
  void take_control(std::vector<std::byte>& into) noexcept {
    into.clear();
    std::swap(into, control_);
    control_frames_ = provoked_ = 0;
  }
  std::size_t control_frames() const noexcept { return control_frames_; }
  std::size_t provoked() const noexcept { return provoked_; }
  /// Frames encoded so far, by type.
  const std::array<std::uint64_t, frame_types>& pushed() const noexcept { return pushed_; }

  void push_credit(source& s) noexcept {
    if (!s.list_node<credit_tag>::linked()) credits_.push_back(s);
  }
  void remove_credit(source& s) noexcept { s.list_node<credit_tag>::unlink(); }
  source* pop_credit() noexcept { return credits_.empty() ? nullptr : &credits_.pop_front(); }

  /// `s` has data that it may send.
  void push_data(source& s) {
    if (s.list_node<data_tag>::linked()) return;
    if (!s.of_priority) s.of_priority = &levels_[s.priority];
    level& l = *s.of_priority;
    if (l.sources.empty() && l.clock < now_) l.clock = now_;
    if (&s == served_ && s.turn_left > 0) {
      l.sources.push_front(s);  // its turn goes on
    } else {
      s.turn_left = std::min(&s == served_ ? s.turn_left : 0, 0) + turn;
      l.sources.push_back(s);
    }
    served_ = nullptr;
    ++l.count;
    ++ready_;
  }

  /// Called when `s` has no more bytes to send.
  void remove_data(source& s) noexcept {
    if (!s.list_node<data_tag>::linked()) return;
    s.list_node<data_tag>::unlink();
    --s.of_priority->count;
    --ready_;
  }

  /// Takes the next source out of the queue. charge() must follow, then push_data() if the source has more.
  source* pop_data() noexcept {
    level* next = nullptr;
    for (auto& [priority, l] : levels_)
      if (l.count > 0 && (!next || l.clock < next->clock)) next = &l;
    if (!next) return nullptr;
    now_ = next->clock;
    next->batch = batch_;
    begin_turn(*next);
    --next->count;
    --ready_;
    return &next->sources.pop_front();
  }

  /// `s`, just popped, sent a frame of `n` bytes.
  void charge(source& s, std::size_t n) noexcept {
    constexpr std::uint64_t scale = 8 * 255;
    s.of_priority->clock += (n + 1) * scale / (scale - 7u * s.priority);
    s.turn_left -= static_cast<std::int32_t>(n + 1);
    served_ = &s;
  }

  /// A gather write begins.
  void begin_batch() noexcept { ++batch_; }
  /// Returns whether a level that is favoured over all that still wait was served in this batch and is empty.
  /// It may come back with its next write, so the batch should go out before other levels fill it.
  bool favoured_ran_dry() const noexcept {
    std::uint64_t dry = ~std::uint64_t{0}, waiting = ~std::uint64_t{0};
    for (const auto& [priority, l] : levels_) {
      if (l.count > 0)
        waiting = std::min(waiting, l.clock);
      else if (l.batch == batch_)
        dry = std::min(dry, l.clock);
    }
    return dry < waiting;
  }

  /// Sub-streams with data that may go.
  std::size_t ready() const noexcept { return ready_; }
  /// Returns about how many frames wait, which are the control frames and one for each sub-stream with data.
  std::size_t waiting() const noexcept { return control_frames_ + ready_; }
  bool empty() const noexcept { return control_.empty() && credits_.empty() && ready_ == 0; }

 private:
  static constexpr std::int32_t turn = 4 * 1024;

  struct level {
    std::uint64_t clock = 0;
    std::uint64_t batch = 0;  // the last in which it was served
    std::size_t count = 0;
    intrusive_list<source, data_tag> sources;
  };

  /// Sources whose turn is over go behind the others, and get one more turn each time. A single source gets
  /// as many as it needs in one step.
  static void begin_turn(level& l) noexcept {
    source& first = l.sources.front();
    if (l.count == 1 && first.turn_left <= 0) first.turn_left = turn - -first.turn_left % turn;
    while (l.sources.front().turn_left <= 0) {
      source& late = l.sources.pop_front();
      late.turn_left += turn;
      l.sources.push_back(late);
    }
  }

  dialect dialect_ = dialect::spec;
  std::vector<std::byte> control_;
  std::size_t control_frames_ = 0;
  std::size_t provoked_ = 0;
  std::array<std::uint64_t, frame_types> pushed_{};
  intrusive_list<source, credit_tag> credits_;
  std::map<std::uint8_t, level> levels_;
  std::size_t ready_ = 0;
  const source* served_ = nullptr;  // charged just now, push_data() goes on with its turn
  std::uint64_t batch_ = 1;
  std::uint64_t now_ = 0;  // the clock of the level served last, which a waking level takes over
};

}  // namespace muxpro::detail
