// Frames to bytes.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/wire.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace muxpro {
namespace detail {

class writer {
 public:
  explicit writer(bytes out) noexcept : out_(out) {}

  void u8(std::uint8_t v) noexcept { out_[size_++] = std::byte{v}; }
  void u16(std::uint16_t v) noexcept {
    u8(static_cast<std::uint8_t>(v >> 8));
    u8(static_cast<std::uint8_t>(v));
  }
  void u32(std::uint32_t v) noexcept {
    u16(static_cast<std::uint16_t>(v >> 16));
    u16(static_cast<std::uint16_t>(v));
  }
  void raw(const void* from, std::size_t n) noexcept {
    std::memcpy(out_.data() + size_, from, n);
    size_ += n;
  }
  std::size_t size() const noexcept { return size_; }

 private:
  bytes out_;
  std::size_t size_ = 0;
};

inline void write_address(writer& out, const address& host, std::uint16_t port) noexcept {
  out.u16(port);
  out.u8(static_cast<std::uint8_t>(host.type()));
  if (host.is_domain()) {
    const std::string_view name = host.domain().substr(0, 255);
    out.u8(static_cast<std::uint8_t>(name.size()));
    out.raw(name.data(), name.size());
  } else {
    out.raw(host.octets().data(), host.octets().size());
  }
}

inline std::size_t address_size(const address& host) noexcept {
  return 3 + (host.is_domain() ? 1 + std::min<std::size_t>(host.domain().size(), 255) : host.octets().size());
}

inline void write_header(writer& out, std::size_t metadata, stream_id id, wire_state state,
                         std::uint8_t options) noexcept {
  out.u16(static_cast<std::uint16_t>(metadata));
  out.u16(id);
  out.u8(static_cast<std::uint8_t>(state));
  out.u8(options);
}

}  // namespace detail

MUXPRO_DECL std::size_t encode(const negotiate_version& f, bytes out) noexcept {
  const bool spec = f.layout == dialect::spec;
  const auto count = static_cast<std::uint8_t>(std::min<std::size_t>(f.versions.size(), 255));
  detail::writer w(out);
  detail::write_header(w, spec ? 5 : 4, 0, detail::wire_state::negotiate, detail::option_data);
  if (spec) w.u8(count);
  w.u16(static_cast<std::uint16_t>(count * 4 + (spec ? 0 : 1)));
  if (!spec) w.u8(count);
  for (std::size_t i = 0; i < count; ++i) {
    w.u16(f.versions[i].major);
    w.u16(f.versions[i].minor);
  }
  return w.size();
}

MUXPRO_DECL std::size_t encode(const new_stream& f, bytes out, dialect d) noexcept {
  const bool mux_cool = d == dialect::mux_cool;
  const bool named = f.source && (f.data || !mux_cool);
  const std::size_t metadata =
      4 + (mux_cool ? 1 : 2) + detail::address_size(f.target.host) + (named ? f.source->size() : 0);
  detail::writer w(out);
  detail::write_header(w, metadata, f.id, detail::wire_state::open, f.data ? detail::option_data : 0);
  w.u8(static_cast<std::uint8_t>(f.target.net));
  if (!mux_cool) w.u8(f.priority);
  detail::write_address(w, f.target.host, f.target.port);
  if (named) w.raw(f.source->data(), f.source->size());
  if (f.data) w.u16(*f.data);
  return w.size();
}

MUXPRO_DECL std::size_t encode(const keep& f, bytes out) noexcept {
  detail::writer w(out);
  const int options = (f.data ? detail::option_data : 0) | (f.addressed ? detail::option_addressed : 0);
  detail::write_header(w, 4, f.id, detail::wire_state::keep, static_cast<std::uint8_t>(options));
  if (f.data) w.u16(*f.data);
  return w.size();
}

MUXPRO_DECL std::size_t encode_addressed(const keep& f, const_bytes prefix, bytes out) noexcept {
  detail::writer w(out);
  detail::write_header(w, 4 + prefix.size(), f.id, detail::wire_state::keep,
                       f.data ? detail::option_data : 0);
  w.raw(prefix.data(), prefix.size());
  if (f.data) w.u16(*f.data);
  return w.size();
}

MUXPRO_DECL std::size_t encode(const end& f, bytes out, dialect d) noexcept {
  detail::writer w(out);
  const bool aborts = f.code != end_code::graceful;
  const bool with_code = aborts && d != dialect::mux_cool;
  const std::uint8_t mark = with_code ? detail::option_data : detail::option_error;
  detail::write_header(w, with_code ? 6 : 4, f.id, detail::wire_state::end, aborts ? mark : std::uint8_t{0});
  if (with_code) w.u16(static_cast<std::uint16_t>(f.code));
  return w.size();
}

MUXPRO_DECL std::size_t encode(const keep_alive& f, bytes out) noexcept {
  detail::writer w(out);
  detail::write_header(w, 4, f.id, detail::wire_state::keep_alive, 0);
  return w.size();
}

MUXPRO_DECL std::size_t encode(const credit_update& f, bytes out) noexcept {
  detail::writer w(out);
  detail::write_header(w, 4, f.id, detail::wire_state::credit, detail::option_data);
  w.u16(4);
  w.u32(f.increment);
  return w.size();
}

MUXPRO_DECL std::vector<std::byte> encoded(const frame& f, const_bytes payload, dialect d) {
  std::array<std::byte, decoder::header_capacity> header;
  const std::size_t size = std::visit([&](const auto& x) { return encode_in(d, x, bytes(header)); }, f);
  std::vector<std::byte> out(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size));
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

MUXPRO_DECL std::array<std::byte, 25> compatible_request() noexcept {
  // Layout S: count 4, then 512.0, 256.0, 0.1, 0.0. A reader of layout G ignores the fifth
  // metadata byte and finds count 2, 0.1, 0.0 in the extra data, then seven bytes it does not read.
  constexpr std::array<std::uint8_t, 25> request = {0, 5, 0, 0, 0, 1, 4, 0, 16, 2, 0, 0, 0,
                                                    1, 0, 0, 0, 0, 0, 0, 1, 0,  0, 0, 0};
  std::array<std::byte, 25> out;
  std::memcpy(out.data(), request.data(), out.size());
  return out;
}

MUXPRO_DECL std::size_t encode_prefix(const host_port& where, bytes out) noexcept {
  if (!where.host.valid()) return 0;
  detail::writer w(out);
  w.u8(detail::prefix_mark);
  detail::write_address(w, where.host, where.port);
  return w.size();
}

}  // namespace muxpro
