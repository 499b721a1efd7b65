// Hex to bytes and back, and a decoder driven over a cut input: what the codec's tests share.
#pragma once

#include <muxpro/codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wire_test {

using byte_string = std::vector<std::byte>;
using random_engine = std::mt19937_64;

/// Spaces and '|' group digits for the reader and mean nothing.
inline byte_string unhex(std::string_view text) {
  byte_string out;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '|') continue;
    const std::size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) throw std::invalid_argument("not hex: " + std::string(text));
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      out.push_back(static_cast<std::byte>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  if (high >= 0) throw std::invalid_argument("half a byte: " + std::string(text));
  return out;
}

inline std::string hex(muxpro::const_bytes in) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::byte b : in) {
    out += digits[std::to_integer<std::size_t>(b >> 4)];
    out += digits[std::to_integer<std::size_t>(b & std::byte{15})];
  }
  return out;
}

inline std::string hex(std::string_view grouped) { return hex(unhex(grouped)); }

inline void append(byte_string& to, const byte_string& what) {
  to.insert(to.end(), what.begin(), what.end());
}

inline std::uint64_t pick(random_engine& rng, std::uint64_t least, std::uint64_t most) {
  return least + rng() % (most - least + 1);
}

inline byte_string random_bytes(random_engine& rng, std::size_t size) {
  byte_string out(size);
  for (std::byte& b : out) b = static_cast<std::byte>(rng());
  return out;
}

inline std::optional<std::uint16_t> announced(const muxpro::frame& f) {
  if (const auto* k = std::get_if<muxpro::keep>(&f)) return k->data;
  if (const auto* n = std::get_if<muxpro::new_stream>(&f)) return n->data;
  return std::nullopt;
}

/// Data of other frames are skipped, where they are no error.
inline bool may_announce(const muxpro::frame& f) {
  return std::holds_alternative<muxpro::keep>(f) || std::holds_alternative<muxpro::new_stream>(f);
}

struct item {
  muxpro::frame head;
  byte_string payload;  ///< also what is to be skipped
  std::optional<muxpro::host_port> address{};

  friend bool operator==(const item&, const item&) = default;
};

/// All that a decoder made of an input.
struct reading {
  std::vector<item> items;
  std::error_code error;
  bool at_boundary = true;
  std::string fault;  ///< the first promise of decoder::next that was broken

  friend bool operator==(const reading&, const reading&) = default;
};

/// Feeds pieces one after the other and checks every step against the contract of decoder::next.
class driver {
 public:
  explicit driver(muxpro::decoder& d) : decoder_(d) {}

  void feed(muxpro::const_bytes in) {
    while (!in.empty() && result_.fault.empty() && !result_.error) {
      const std::size_t left_before = decoder_.payload_left();
      const muxpro::decoder::step s = decoder_.next(in);
      check(s, in, left_before);
      if (!result_.fault.empty()) return;
      in = in.subspan(s.consumed);
    }
  }

  reading finish() {
    result_.at_boundary = decoder_.at_boundary();
    return std::move(result_);
  }

 private:
  using status = muxpro::decoder::status;

  void expect(bool ok, const char* promise) {
    if (!ok && result_.fault.empty()) result_.fault = promise;
  }

  void check(const muxpro::decoder::step& s, muxpro::const_bytes in, std::size_t left_before) {
    expect(s.consumed <= in.size(), "takes no more than it is given");
    expect((s.what == status::error) == static_cast<bool>(s.error), "an error code comes with an error only");
    expect(s.what == status::payload || s.payload.empty(), "payload comes in a payload step only");
    switch (s.what) {
      case status::need_more:
        expect(s.consumed == in.size(), "need_more takes everything");
        expect(decoder_.payload_left() == left_before, "need_more hands out nothing");
        expect(!decoder_.at_boundary(), "need_more is inside a frame");
        break;
      case status::header:
        expect(left_before == 0, "a header comes after the payload before it");
        expect(s.consumed > 0, "a header takes bytes");
        result_.items.push_back({decoder_.current(), {}});
        if (may_announce(decoder_.current()))
          expect(decoder_.payload_left() == announced(decoder_.current()).value_or(0),
                 "payload_left starts with what is announced");
        if (std::holds_alternative<muxpro::keep>(decoder_.current()))
          result_.items.back().address = decoder_.address_of_keep();
        expect(decoder_.at_boundary() == (decoder_.payload_left() == 0),
               "a header without data ends a frame");
        break;
      case status::payload:
        expect(s.consumed > 0 && s.payload.size() == s.consumed, "a payload step is all payload");
        expect(s.payload.data() == in.data(), "payload lies inside the input");
        expect(decoder_.payload_left() + s.consumed == left_before, "payload_left counts down");
        expect(decoder_.at_boundary() == (decoder_.payload_left() == 0), "the last payload ends a frame");
        if (!result_.items.empty()) {
          auto& payload = result_.items.back().payload;
          payload.insert(payload.end(), s.payload.begin(), s.payload.end());
        }
        break;
      case status::error:
        result_.error = s.error;
        expect(!decoder_.at_boundary(), "a broken stream is never at a boundary");
        break;
    }
  }

  muxpro::decoder& decoder_;
  reading result_;
};

inline reading read_whole(muxpro::const_bytes in, muxpro::decoder&& d = muxpro::decoder{}) {
  driver run(d);
  run.feed(in);
  return run.finish();
}

inline reading read_cut_at(muxpro::const_bytes in, std::size_t cut) {
  muxpro::decoder d;
  driver run(d);
  run.feed(in.first(cut));
  run.feed(in.subspan(cut));
  return run.finish();
}

inline reading read_in_pieces_of(muxpro::const_bytes in, std::size_t size,
                                 muxpro::decoder&& d = muxpro::decoder{}) {
  driver run(d);
  for (; in.size() > size; in = in.subspan(size)) run.feed(in.first(size));
  run.feed(in);
  return run.finish();
}

inline reading read_randomly_cut(muxpro::const_bytes in, random_engine& rng) {
  muxpro::decoder d;
  driver run(d);
  while (!in.empty()) {
    const std::size_t longest = pick(rng, 0, 3) == 0 ? in.size() : std::min<std::size_t>(in.size(), 9);
    const std::size_t size = pick(rng, 1, longest);
    run.feed(in.first(size));
    in = in.subspan(size);
  }
  return run.finish();
}

inline std::string text(const muxpro::frame& f) {
  struct {
    std::string operator()(const muxpro::negotiate_version& n) const {
      std::string out = n.layout == muxpro::dialect::spec ? "negotiate S" : "negotiate G";
      for (const muxpro::version& v : n.versions) out += fmt::format(" {}.{}", v.major, v.minor);
      return out;
    }
    std::string operator()(const muxpro::new_stream& n) const {
      std::string out = n.valid ? fmt::format("new {} {} prio {}", n.id, n.target, n.priority)
                                : fmt::format("new {} invalid", n.id);
      if (n.source) out += " source " + hex(std::as_bytes(std::span(*n.source)));
      return out;
    }
    std::string operator()(const muxpro::keep& k) const {
      return fmt::format("keep {}{}", k.id, k.addressed ? " addressed" : "");
    }
    std::string operator()(const muxpro::end& e) const {
      return fmt::format("end {} code {}", e.id, static_cast<unsigned>(e.code));
    }
    std::string operator()(const muxpro::keep_alive& k) const { return fmt::format("keep_alive {}", k.id); }
    std::string operator()(const muxpro::credit_update& c) const {
      return fmt::format("credit {} {}", c.id, c.increment);
    }
  } words;
  return std::visit(words, f);
}

inline std::string name(const std::error_code& e) {
  using muxpro::errc;
  if (e == errc::bad_metadata_length) return "bad_metadata_length";
  if (e == errc::bad_length) return "bad_length";
  if (e == errc::unknown_state) return "unknown_state";
  if (e == errc::reserved_id) return "reserved_id";
  if (e == errc::bad_options) return "bad_options";
  return "unexpected: " + e.message();
}

/// "new 1 tcp:127.0.0.1:80 prio 0 data 2:6869; end 1 code 0; error bad_length": a size and a colon
/// stand before announced data; "cut" closes an input that ends inside a frame.
inline std::string text(const reading& r) {
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : "; ") + part; };
  for (const item& i : r.items) {
    const auto size = announced(i.head);
    add(text(i.head) + (size ? fmt::format(" data {}:{}", *size, hex(i.payload)) : ""));
  }
  if (!r.fault.empty()) add("broken promise: " + r.fault);
  if (r.error) add("error " + name(r.error));
  if (!r.error && !r.at_boundary) add("cut");
  return out;
}

/// A case of the conformance suite, with its input in hex, and the expected result as text.
struct conformance_row {
  const char* id;
  const char* bytes;
  const char* expected;
};

}  // namespace wire_test
