// Frames of WebSocket beside those of wslay: each reads what the other one has written, and both stop at the
// same.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/websocket/reader.hpp"

#include <wslay/wslay.h>

#include <algorithm>
#include <memory>
#include <random>

namespace websocket_wslay_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;

using random_source = std::mt19937;

byte_string some(random_source& random, std::size_t size) {
  byte_string out(size);
  for (std::byte& b : out) b = static_cast<std::byte>('a' + random() % 26);
  return out;
}
/// Sizes around the bounds of the lengths in a header, and others.
std::size_t some_size(random_source& random) {
  constexpr std::size_t bounds[] = {0, 1, 125, 126, 127, 65535, 65536, 70'000};
  return random() % 3 == 0 ? bounds[random() % std::size(bounds)] : random() % 400;
}
optional_mask some_mask(random_source& random, bool masked) {
  if (!masked) return std::nullopt;
  websocket_mask out{};
  for (std::byte& b : out) b = static_cast<std::byte>(random());
  return out;
}

/// A message or control frame. Those of wslay have parts.
struct message {
  int opcode = WSLAY_BINARY_FRAME;
  byte_string payload;
  bool operator==(const message&) const = default;
};
constexpr int end_mark_size = 3;  // no Pong of a test is one
message some_message(random_source& random) {
  constexpr int controls[] = {WSLAY_PING, WSLAY_PONG};
  if (random() % 3 == 0) return {controls[random() % 2], some(random, end_mark_size + 1 + random() % 122)};
  return {WSLAY_BINARY_FRAME, some(random, some_size(random))};
}

// --- wslay reads

struct wslay_reader {
  explicit wslay_reader(bool masked) {
    const wslay_event_callbacks callbacks{take, nullptr, nullptr, nullptr, nullptr, nullptr, note};
    wslay_event_context_ptr made = nullptr;
    const auto init = masked ? wslay_event_context_server_init : wslay_event_context_client_init;
    REQUIRE(init(&made, &callbacks, this) == 0);
    context.reset(made);
  }
  /// It keeps no messages then.
  void take_any_length() {
    wslay_event_config_set_no_buffering(context.get(), 1);
    wslay_event_config_set_max_recv_msg_length(context.get(), std::uint64_t(-1));
  }
  /// Returns whether it goes on after these bytes.
  bool reads(const byte_string& bytes) {
    in = bytes;
    return wslay_event_recv(context.get()) == 0 && wslay_event_get_read_enabled(context.get()) != 0;
  }
  static ssize_t take(wslay_event_context_ptr c, std::uint8_t* to, std::size_t room, int, void* user) {
    byte_string& in = static_cast<wslay_reader*>(user)->in;
    const std::size_t n = std::min(room, in.size());
    if (n == 0) return wslay_event_set_error(c, WSLAY_ERR_WOULDBLOCK), -1;
    std::copy_n(in.begin(), n, reinterpret_cast<std::byte*>(to));
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    return static_cast<ssize_t>(n);
  }
  static void note(wslay_event_context_ptr, const wslay_event_on_msg_recv_arg* m, void* user) {
    const auto* const at = reinterpret_cast<const std::byte*>(m->msg);
    static_cast<wslay_reader*>(user)->heard.push_back({m->opcode, byte_string(at, at + m->msg_length)});
  }

  struct freed {
    void operator()(wslay_event_context_ptr c) const noexcept { wslay_event_context_free(c); }
  };
  std::unique_ptr<wslay_event_context, freed> context;
  byte_string in;
  std::vector<message> heard;
};

byte_string frame_of(const message& m, const optional_mask& mask) {
  const auto opcode = static_cast<websocket_opcode>(m.opcode);
  if (m.opcode >= WSLAY_CONNECTION_CLOSE) return websocket_control(opcode, m.payload, mask);
  const websocket_header head(opcode, m.payload.size(), mask);
  byte_string out = byte_string(head.data().begin(), head.data().end()) + m.payload;
  if (mask) apply_mask(out.data() + head.size, const_bytes(out).subspan(head.size), *mask, 0);
  return out;
}

// --- wslay writes

class wslay_writer {
 public:
  wslay_writer(random_source& random, bool masked) : random_(random), masked_(masked) {
    const wslay_frame_callbacks callbacks{keep, nullptr, make_mask};
    wslay_frame_context_ptr made = nullptr;
    REQUIRE(wslay_frame_context_init(&made, &callbacks, this) == 0);
    context_.reset(made);
  }
  void frame(int opcode, bool last, const byte_string& payload) {
    wslay_frame_iocb f{};
    f.fin = last ? 1 : 0;
    f.opcode = static_cast<std::uint8_t>(opcode);
    f.mask = masked_ ? 1 : 0;
    f.data = reinterpret_cast<const std::uint8_t*>(payload.data());
    f.payload_length = f.data_length = payload.size();
    REQUIRE(wslay_frame_send(context_.get(), &f) == static_cast<ssize_t>(payload.size()));
  }
  byte_string out;

 private:
  static ssize_t keep(const std::uint8_t* data, std::size_t size, int, void* user) {
    const auto* const at = reinterpret_cast<const std::byte*>(data);
    byte_string& out = static_cast<wslay_writer*>(user)->out;
    out.insert(out.end(), at, at + size);
    return static_cast<ssize_t>(size);
  }
  static int make_mask(std::uint8_t* to, std::size_t size, void* user) {
    std::generate_n(
        to, size, [user] { return static_cast<std::uint8_t>(static_cast<wslay_writer*>(user)->random_()); });
    return 0;
  }

  struct freed {
    void operator()(wslay_frame_context_ptr c) const noexcept { wslay_frame_context_free(c); }
  };
  random_source& random_;
  const bool masked_;
  std::unique_ptr<wslay_frame_context, freed> context_;
};

/// Messages in one to five frames, with control frames between those.
struct wslay_exchange {
  wslay_exchange(random_source& random, bool masked, bool has_texts) : texts(has_texts), to(random, masked) {
    for (int i = 0; i < 6; ++i) write(random);
  }
  void write(random_source& random) {
    const std::size_t parts = 1 + random() % 5;
    for (std::size_t part = 0; part < parts; ++part) {
      starts.push_back(to.out.size());
      const byte_string payload = some(random, some_size(random));
      data = data + payload;
      const int first = texts && random() % 2 == 0 ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME;
      to.frame(part == 0 ? first : WSLAY_CONTINUATION_FRAME, part + 1 == parts, payload);
      if (random() % 2 == 0) control(random);
    }
  }
  void control(random_source& random) {
    starts.push_back(to.out.size());
    const bool is_ping = random() % 2 == 0;
    const byte_string payload = some(random, end_mark_size + 1 + random() % 122);
    if (is_ping) last_ping = payload;
    to.frame(is_ping ? WSLAY_PING : WSLAY_PONG, true, payload);
  }

  const bool texts;
  wslay_writer to;
  byte_string data;
  std::optional<byte_string> last_ping;
  std::vector<std::size_t> starts;  ///< of the frames
};

/// What websocket_reader makes of bytes, in random pieces.
struct read_by_us {
  read_by_us(random_source& random, bool masked, const byte_string& wire) : reader(masked) {
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t n = std::min<std::size_t>(1 + random() % 5000, wire.size() - at);
      const auto from = wire.begin() + static_cast<std::ptrdiff_t>(at);
      byte_string piece(from, from + static_cast<std::ptrdiff_t>(n));
      piece.resize(reader.next(piece));
      data = data + piece;
      if (auto ping = reader.take_ping()) last_ping = std::move(ping);
      at += n;
    }
  }
  websocket_reader reader;
  byte_string data;
  std::optional<byte_string> last_ping;
};

TEST_CASE("websocket: wslay reads what muxpro writes", "[proxy][websocket][wslay]") {
  random_source random(11);
  for (int round = 0; round < 200; ++round) {
    const bool masked = round % 2 == 0;
    wslay_reader r(masked);
    std::vector<message> said;
    byte_string wire;
    for (int i = 0; i < 8; ++i) {
      said.push_back(some_message(random));
      wire = wire + frame_of(said.back(), some_mask(random, masked));
    }
    INFO("round " << round);
    REQUIRE(r.reads(wire));
    REQUIRE(r.heard == said);
    REQUIRE_FALSE(r.reads(websocket_close(websocket_normal, some_mask(random, masked))));
    REQUIRE(wslay_event_get_status_code_received(r.context.get()) == WSLAY_CODE_NORMAL_CLOSURE);
  }
}

TEST_CASE("websocket: wslay takes the mark of an end for a Pong", "[proxy][websocket][wslay]") {
  wslay_reader r(false);
  CHECK(r.reads(websocket_control(websocket_opcode::pong, websocket_end_mark, {})));
  REQUIRE(r.heard.size() == 1);
  CHECK(r.heard[0].opcode == WSLAY_PONG);
  CHECK(text_of(r.heard[0].payload) == "eof");
}

TEST_CASE("websocket: muxpro reads what wslay writes, in fragments with control frames between them",
          "[proxy][websocket][wslay]") {
  random_source random(12);
  for (int round = 0; round < 200; ++round) {
    const bool masked = round % 2 == 0;
    wslay_exchange said(random, masked, true);
    const read_by_us heard(random, masked, said.to.out);
    INFO("round " << round);
    REQUIRE_FALSE(heard.reader.failure());
    REQUIRE(heard.data == said.data);
    REQUIRE(heard.last_ping == said.last_ping);
  }
}

bool we_stop_at(random_source& random, bool masked, const byte_string& wire) {
  const read_by_us r(random, masked, wire);
  return r.reader.failure() || r.reader.closed();
}
bool wslay_stops_at(bool masked, const byte_string& wire) {
  wslay_reader r(masked);
  r.take_any_length();
  return !r.reads(wire);
}

// One bit of a frame is another one, of its first byte, or that of the mask. A Ping may have become a Close,
// which ends, too. There are no texts, since wslay refuses those that are no UTF-8.
TEST_CASE("websocket: muxpro and wslay stop at the same headers", "[proxy][websocket][wslay]") {
  random_source random(13);
  int stopped = 0;
  for (int round = 0; round < 400; ++round) {
    const bool masked = round % 2 == 0;
    wslay_exchange said(random, masked, false);
    const std::size_t at = said.starts[random() % said.starts.size()];
    byte_string wire = said.to.out;
    const std::size_t bit = random() % 9;
    wire[at + bit / 8] ^= static_cast<std::byte>(0x80U >> bit % 8);
    const bool we_stop = we_stop_at(random, masked, wire);
    INFO("round " << round << ": " << hex(const_bytes(wire).subspan(at, 2)));
    REQUIRE(we_stop == wslay_stops_at(masked, wire));
    if (we_stop) ++stopped;
  }
  CHECK(stopped > 200);
  CHECK(stopped < 400);
}

TEST_CASE("websocket: muxpro and wslay stop at the same lengths", "[proxy][websocket][wslay]") {
  random_source random(14);
  for (const std::uint64_t size :
       {0ULL, 1ULL, 125ULL, 126ULL, 65535ULL, 65536ULL, 1ULL << 62U, 1ULL << 63U}) {
    for (const std::size_t of_length : {2U, 8U}) {
      byte_string wire{std::byte{0x82}, static_cast<std::byte>(of_length == 2 ? 126 : 127)};
      for (std::size_t i = of_length; i-- > 0;) wire.push_back(static_cast<std::byte>(size >> 8 * i));
      wire.resize(wire.size() + std::min<std::uint64_t>(size, 100'000));
      if (of_length == 2 && size > 65535) continue;
      INFO(size << " in " << of_length << " bytes");
      CHECK(we_stop_at(random, false, wire) == wslay_stops_at(false, wire));
    }
  }
}

}  // namespace
}  // namespace websocket_wslay_test
