// chunk_opener and chunk_sealer, for protocols that encrypt their bytes in chunks, which are VMess and
// Shadowsocks. Ring 4.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// The longest piece of any protocol, which is a chunk whose length has 16 bits, with a tag that may not
/// count.
inline constexpr std::size_t max_chunk_piece = 65535 + 64;

/// The receiver's side of one direction. The bytes are a sequence of pieces, each a salt, a head, a length or
/// a chunk. Each gives the length of the next one.
class chunk_opener {
 public:
  virtual ~chunk_opener() = default;
  /// Returns the bytes of the next piece, max_chunk_piece at most. 0 means any number, because all that comes
  /// is text.
  virtual std::size_t size() const noexcept = 0;
  /// Returns the bytes of text that it has at most. 0 means no text. Returns 1 if the piece has any number of
  /// bytes.
  virtual std::size_t text() const noexcept = 0;
  /// Takes the next piece, all size() bytes of it. The text goes to `to`, which has room for text() bytes and
  /// may be the piece's own memory. Returns the size of the text. Errors: eof if the sender has ended, any
  /// other one if the piece is not authentic or not valid. Not called again after an error.
  virtual std::size_t open(const_bytes piece, std::byte* to, std::error_code& ec) = 0;
  /// Whether the stream below may end in front of the next piece.
  virtual bool may_end() const noexcept = 0;
};

/// The sender's side of one direction.
class chunk_sealer {
 public:
  virtual ~chunk_sealer() = default;
  /// Bytes of text that a chunk has at most.
  virtual std::size_t most() const noexcept = 0;
  /// Bytes that the next chunk has beside its text at most, with a head that goes in front of the first one.
  virtual std::size_t overhead() const noexcept = 0;
  /// Writes the head alone, overhead() bytes at most, if the first text is not waited for. Returns its size,
  /// 0 without a head. Throws as seal().
  virtual std::size_t begin(std::byte*) { return 0; }
  struct chunk {
    std::size_t text = 0;  ///< that was sealed
    std::size_t size = 0;  ///< on the wire
  };
  /// Makes a chunk of the first bytes of `text`, which is not empty and does not overlap `to`. There is room
  /// for overhead() bytes and the text, or most() bytes of it. No text is sealed if that cannot be a chunk.
  /// Throws std::runtime_error if libcrypto fails.
  virtual chunk seal(const_bytes text, std::byte* to) = 0;
  /// Called behind begin() or chunks. Writes what the receiver gets at the end, overhead() bytes at most.
  /// Returns its size. If 0, the stream below has to end. Throws as seal().
  virtual std::size_t end(std::byte* to) = 0;
};

/// Appends the chunks of `text`, or the head alone if that is empty. Throws as chunk_sealer::seal().
void append_sealed(std::vector<std::byte>& out, chunk_sealer& sealer, const_bytes text);

/// Both directions of a connection.
struct chunk_codecs {
  std::unique_ptr<chunk_opener> opener;
  std::unique_ptr<chunk_sealer> sealer;
};

}  // namespace muxpro::proxy
