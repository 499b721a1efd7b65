#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/wire.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace muxpro {
namespace detail {

// A bounded big-endian reader. Reading past the end sets `short_of_bytes` and returns zeros.
class reader {
 public:
  explicit reader(const_bytes in) noexcept : in_(in) {}

  std::uint8_t u8() noexcept { return take(1) ? at(-1) : std::uint8_t{0}; }
  std::uint16_t u16() noexcept {
    return take(2) ? static_cast<std::uint16_t>(at(-2) << 8 | at(-1)) : std::uint16_t{0};
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  const_bytes raw(std::size_t n) noexcept { return take(n) ? in_.subspan(pos_ - n, n) : const_bytes{}; }
  std::size_t left() const noexcept { return in_.size() - pos_; }
  bool short_of_bytes() const noexcept { return short_; }

 private:
  bool take(std::size_t n) noexcept {
    if (short_ || left() < n) return short_ = true, false;
    pos_ += n;
    return true;
  }
  std::uint8_t at(int back) const noexcept {
    return std::to_integer<std::uint8_t>(in_[pos_ - static_cast<std::size_t>(-back)]);
  }

  const_bytes in_;
  std::size_t pos_ = 0;
  bool short_ = false;
};

// Reads u16 port, u8 type, address. Returns false if the type is unknown, because its length is unknown, too.
inline bool read_address(reader& in, host_port& out) {
  out.port = in.u16();
  switch (static_cast<address::kind>(in.u8())) {
    case address::kind::ipv4: {
      std::array<std::uint8_t, 4> octets{};
      if (const auto raw = in.raw(4); !raw.empty()) std::memcpy(octets.data(), raw.data(), 4);
      out.host = address::v4(octets);
      return true;
    }
    case address::kind::ipv6: {
      std::array<std::uint8_t, 16> octets{};
      if (const auto raw = in.raw(16); !raw.empty()) std::memcpy(octets.data(), raw.data(), 16);
      out.host = address::v6(octets);
      return true;
    }
    case address::kind::domain: {
      const const_bytes name = in.raw(in.u8());
      out.host = address(std::string_view(reinterpret_cast<const char*>(name.data()), name.size()));
      return true;
    }
  }
  return false;
}

inline std::error_code read_new(reader& in, bool data, bool with_priority, bool with_source, new_stream& f) {
  const std::uint8_t net = in.u8();
  if (with_priority) f.priority = in.u8();
  f.target.net = static_cast<network>(net);
  host_port where;
  const bool known_type = read_address(in, where);
  if (in.short_of_bytes()) return errc::bad_length;
  f.target.host = std::move(where.host);
  f.target.port = where.port;
  f.valid = known_type && f.target.host.valid() && (net == 1 || net == 2);
  if (data) f.data = std::uint16_t{0};  // the size follows the metadata
  if (f.valid && with_source && f.target.net == network::udp && in.left() >= 8) {
    global_id id;
    std::memcpy(id.data(), in.raw(8).data(), 8);
    if (id != global_id{}) f.source = id;
  }
  return {};
}

// Reads the address behind the options of Mux.Cool's Keep. Returns false if an address begins there and is
// invalid.
inline bool read_address_of_keep(reader& in, std::optional<host_port>& out) {
  out.reset();
  if (in.left() == 0 || in.u8() != prefix_mark) return true;
  return read_address(in, out.emplace()) && !in.short_of_bytes() && out->host.valid();
}

}  // namespace detail

MUXPRO_DECL decoder::step decoder::next(const_bytes in) {
  if (failure_) return {status::error, 0, {}, failure_};
  if (payload_left_ > 0) {
    const std::size_t n = std::min(payload_left_, in.size());
    payload_left_ -= n;
    return {n > 0 ? status::payload : status::need_more, n, in.first(n), {}};
  }
  // The common case parses in place. A header cut by the input's end is gathered in header_.
  if (held_ == 0) {
    const parsed p = parse(in);
    if (p.complete || p.error) return finish(p, p.size);
  }
  std::size_t consumed = 0;
  for (;;) {
    const parsed p = parse({header_.data(), held_});
    if (p.complete || p.error) {
      held_ = 0;
      return finish(p, consumed);
    }
    const std::size_t n = std::min(p.size - held_, in.size() - consumed);
    if (n == 0) return {status::need_more, consumed, {}, {}};
    if (header_.size() < p.size) header_.resize(p.size);
    std::memcpy(header_.data() + held_, in.data() + consumed, n);
    held_ += n;
    consumed += n;
  }
}

MUXPRO_DECL decoder::step decoder::finish(parsed p, std::size_t consumed) {
  failure_ = p.error;
  if (failure_) return {status::error, consumed, {}, failure_};
  return {status::header, consumed, {}, {}};
}

// Reads one header from the front of `in`. Everything is bounded before more bytes are asked for.
MUXPRO_DECL decoder::parsed decoder::parse(const_bytes in) {
  if (in.size() < 2) return {2, false, {}};
  detail::reader length(in);
  const std::size_t metadata = length.u16();
  if (metadata < 4 || metadata > metadata_limit_) return {0, false, errc::bad_metadata_length};
  const std::size_t metadata_end = 2 + metadata;
  if (in.size() < metadata_end) return {metadata_end, false, {}};
  if (mux_cool_) return parse_mux_cool(in, metadata_end);

  detail::reader fields(in.subspan(2, metadata));
  const stream_id id = fields.u16();
  const std::uint8_t state = fields.u8();
  const std::uint8_t options = fields.u8();
  const bool data = (options & detail::option_data) != 0;
  const std::optional<std::uint16_t> announced =
      data ? std::optional<std::uint16_t>(std::uint16_t{0}) : std::nullopt;

  switch (static_cast<detail::wire_state>(state)) {
    case detail::wire_state::keep:
      if (id == 0) return {0, false, errc::reserved_id};
      current_ = keep{id, announced, (options & detail::option_addressed) != 0};
      return parse_extra(in, metadata_end);
    case detail::wire_state::open: {
      if (id == 0) return {0, false, errc::reserved_id};
      new_stream f;
      f.id = id;
      if (const auto ec = detail::read_new(fields, data, true, version_ >= version_0_1, f))
        return {0, false, ec};
      current_ = std::move(f);
      return parse_extra(in, metadata_end);
    }
    case detail::wire_state::end: {
      if (id == 0) return {0, false, errc::reserved_id};
      const auto code = static_cast<end_code>(data ? fields.u16() : std::uint16_t{0});
      if (fields.short_of_bytes()) return {0, false, errc::bad_length};
      current_ = end{id, code};
      return {metadata_end, true, {}};
    }
    case detail::wire_state::keep_alive:
      if (options != 0) return {0, false, errc::bad_options};
      current_ = keep_alive{id};
      return {metadata_end, true, {}};
    case detail::wire_state::credit:
      if (id == 0) return {0, false, errc::reserved_id};
      if (options != detail::option_data) return {0, false, errc::bad_options};
      current_ = credit_update{id, 0};
      return parse_extra(in, metadata_end);
    case detail::wire_state::negotiate: {
      if (id != 0) return {0, false, errc::reserved_id};
      if (options != detail::option_data) return {0, false, errc::bad_options};
      current_ = negotiate_version{};
      return parse_extra(in, metadata_end);
    }
  }
  return {0, false, errc::unknown_state};
}

// What stands behind the fields is ignored, as V2Ray does.
MUXPRO_DECL decoder::parsed decoder::parse_mux_cool(const_bytes in, std::size_t metadata_end) {
  detail::reader fields(in.subspan(2, metadata_end - 2));
  const stream_id id = fields.u16();
  const auto state = static_cast<detail::wire_state>(fields.u8());
  const std::uint8_t options = fields.u8();
  const bool data = (options & detail::option_data) != 0;
  if (state == detail::wire_state::keep) {
    current_ = keep{id, data ? std::optional<std::uint16_t>(std::uint16_t{0}) : std::nullopt, false};
    if (!detail::read_address_of_keep(fields, address_of_keep_)) return {0, false, errc::bad_length};
    return parse_extra(in, metadata_end);
  }
  if (state == detail::wire_state::open) {
    new_stream f;
    f.id = id;
    if (const auto ec = detail::read_new(fields, data, false, data, f)) return {0, false, ec};
    current_ = std::move(f);
    return parse_extra(in, metadata_end);
  }
  if (state == detail::wire_state::end)
    current_ = end{id, options & detail::option_error ? end_code::remote_disconnect : end_code::graceful};
  else if (state == detail::wire_state::keep_alive)
    current_ = keep_alive{id};
  else
    return {0, false, errc::unknown_state};
  return data ? parse_skipped(in, metadata_end) : parsed{metadata_end, true, {}};
}

// Data that no frame of that state has. They come in payload steps.
MUXPRO_DECL decoder::parsed decoder::parse_skipped(const_bytes in, std::size_t metadata_end) {
  const std::size_t extra_begin = metadata_end + 2;
  if (in.size() < extra_begin) return {extra_begin, false, {}};
  payload_left_ = detail::reader(in.subspan(metadata_end)).u16();
  return {extra_begin, true, {}};
}

// The length of the extra data, and the data itself where it belongs to the header.
MUXPRO_DECL decoder::parsed decoder::parse_extra(const_bytes in, std::size_t metadata_end) {
  auto* const k = std::get_if<keep>(&current_);
  auto* const n = std::get_if<new_stream>(&current_);
  if ((k && !k->data) || (n && !n->data)) return {metadata_end, true, {}};

  const std::size_t extra_begin = metadata_end + 2;
  if (in.size() < extra_begin) return {extra_begin, false, {}};
  const std::uint16_t extra = detail::reader(in.subspan(metadata_end)).u16();
  if (k || n) {
    (k ? k->data : n->data) = extra;
    payload_left_ = extra;
    return {extra_begin, true, {}};
  }
  if (auto* const f = std::get_if<negotiate_version>(&current_)) return parse_versions(in, metadata_end, *f);

  if (extra != 2 && extra != 4) return {0, false, errc::bad_length};
  if (in.size() < extra_begin + extra) return {extra_begin + extra, false, {}};
  detail::reader increment(in.subspan(extra_begin, extra));
  std::get<credit_update>(current_).increment = extra == 2 ? increment.u16() : increment.u32();
  return {extra_begin + extra, true, {}};
}

// Layout S has the count behind the options, layout G as first byte of the extra data.
MUXPRO_DECL decoder::parsed decoder::parse_versions(const_bytes in, std::size_t metadata_end,
                                                    negotiate_version& f) {
  const std::size_t extra_begin = metadata_end + 2;
  const std::size_t extra = detail::reader(in.subspan(metadata_end)).u16();
  f.layout = metadata_end - 2 > 4 ? dialect::spec : dialect::go;
  const bool spec = f.layout == dialect::spec;

  if (!spec && extra < 1) return {0, false, errc::bad_length};
  if (!spec && in.size() < extra_begin + 1) return {extra_begin + 1, false, {}};
  const std::size_t count = std::to_integer<std::size_t>(in[spec ? 6 : extra_begin]);
  if (extra != count * 4 + (spec ? 0 : 1)) return {0, false, errc::bad_length};
  if (in.size() < extra_begin + extra) return {extra_begin + extra, false, {}};

  detail::reader list(in.subspan(extra_begin, extra));
  if (!spec) list.u8();
  f.versions.resize(count);
  for (version& v : f.versions) {
    v.major = list.u16();
    v.minor = list.u16();
  }
  return {extra_begin + extra, true, {}};
}

MUXPRO_DECL std::optional<prefix> decode_prefix(const_bytes block) {
  detail::reader in(block);
  if (in.u8() != detail::prefix_mark) return std::nullopt;
  prefix p;
  if (!detail::read_address(in, p.address) || in.short_of_bytes() || !p.address.host.valid())
    return std::nullopt;
  p.size = block.size() - in.left();
  return p;
}

}  // namespace muxpro
