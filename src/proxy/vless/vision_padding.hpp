// The flow xtls-rprx-vision. The data of a direction begin as blocks with padding, which hides the lengths of
// a TLS handshake inside. Ring 4, a rule.
//   block: u8 command | u16 content length | u16 padding length | content | padding
// The first block of a direction has the user's UUID in front. The data behind the last block are plain: text
// of the carrier's TLS, or bytes on its socket.
#pragma once

#include "proxy/base/uuid.hpp"
#include "proxy/vless/vision_filter.hpp"

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace muxpro::proxy {

enum class vision_command : std::uint8_t { more, last, last_then_raw };
/// What the next bytes of a direction are.
enum class vision_phase : std::uint8_t { blocks, text, raw };

/// What a peer of another make takes as one block, its head included.
inline constexpr std::size_t max_vision_block = 8192;
inline constexpr std::size_t vision_head = 1 + 2 + 2;
inline constexpr std::size_t max_vision_content = max_vision_block - std::tuple_size_v<uuid> - vision_head;

/// Returns the length of the padding behind `content` bytes. `draw` is any number. With `hides_hello` it is
/// longer, so that the messages of a handshake all have about one size.
std::size_t vision_padding(std::size_t content, bool hides_hello, std::uint32_t draw) noexcept;

/// What one side sends.
class vision_padder {
 public:
  /// Unpredictable numbers.
  using draws = std::uint32_t (*)();
  vision_padder(const uuid& id, draws next) noexcept : id_(id), draw_(next) {}

  vision_phase phase() const noexcept { return phase_; }
  /// Called in the phase of blocks. Appends the first bytes of `content` as blocks, or a block without
  /// content if it is empty. Returns how many bytes these are. `seen` has seen the pieces before, and gets
  /// these.
  std::size_t pad(const_bytes content, vision_filter& seen, std::vector<std::byte>& out);

 private:
  void append(vision_command c, const_bytes content, bool hides_hello, std::vector<std::byte>& out);
  std::size_t append_last(const_bytes records, bool then_raw, std::vector<std::byte>& out);

  const uuid id_;
  const draws draw_;
  bool began_ = false;
  vision_phase phase_ = vision_phase::blocks;
};

/// What one side receives. A direction that does not begin with the UUID has no blocks.
class vision_unpadder {
 public:
  explicit vision_unpadder(const uuid& id) noexcept : id_(id) {}

  vision_phase phase() const noexcept { return phase_; }
  /// Appends what is content in `in`. Returns false if a block is broken.
  bool take(const_bytes in, std::vector<std::byte>& content);
  /// Called when no more bytes come. Returns false if a block is not whole.
  bool end(std::vector<std::byte>& content);

 private:
  std::size_t match(const_bytes in, std::vector<std::byte>& content);
  std::size_t read_head(const_bytes in);
  void end_block() noexcept;

  const uuid id_;
  vision_phase phase_ = vision_phase::blocks;
  std::size_t matched_ = 0;  ///< of the UUID
  std::array<std::byte, vision_head> head_{};
  std::size_t head_size_ = 0;
  std::size_t content_left_ = 0, padding_left_ = 0;
  bool broken_ = false;
};

}  // namespace muxpro::proxy
