#include "proxy/names/dns_message.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/byte_reader.hpp"
#include "proxy/base/host_name.hpp"
#include "proxy/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::uint16_t dns_class_in = 1, dns_type_opt = 41;
constexpr std::uint16_t option_client = 8, option_padding = 12;
constexpr std::uint16_t is_reply = 0x8000, dns_opcode_bits = 0x7800, is_cut = 0x0200,
                        wants_recursion = 0x0100;
constexpr std::size_t most_reply_addresses = 16;
constexpr unsigned code_of_format = 1, code_of_not_implemented = 4;

class question_writer {
 public:
  question_writer& number(std::uint64_t n, std::size_t octets) {
    for (; octets-- > 0;) out.push_back(static_cast<std::byte>(n >> (8 * octets)));
    return *this;
  }
  question_writer& raw(const_bytes b) {
    out.insert(out.end(), b.begin(), b.end());
    return *this;
  }
  question_writer& name(std::string_view dotted) {
    for (; !dotted.empty(); dotted.remove_prefix(std::min(dotted.find('.'), dotted.size() - 1) + 1)) {
      const std::string_view label = dotted.substr(0, dotted.find('.'));
      number(label.size(), 1).raw(std::as_bytes(std::span(label)));
    }
    return number(0, 1);
  }
  std::vector<std::byte> out;
};

// RFC 7871 section 6. Section 11.1 has the lengths of the prefixes.
void write_client(question_writer& to, const asio::ip::address& client) {
  const auto write = [&](std::uint16_t family, std::size_t octets, const auto& all) {
    to.number(option_client, 2).number(4 + octets, 2).number(family, 2).number(octets * 8, 1).number(0, 1);
    to.raw(std::as_bytes(std::span(all)).first(octets));
  };
  if (client.is_v4())
    write(1, 3, client.to_v4().to_bytes());
  else
    write(2, 7, client.to_v6().to_bytes());
}

std::vector<std::byte> options_of_question(const dns_question& q, std::size_t before) {
  question_writer options;
  if (q.client) write_client(options, *q.client);
  if (q.block != 0) {
    const std::size_t size = before + options.out.size() + 4;
    const std::size_t zeros = (q.block - size % q.block) % q.block;
    options.number(option_padding, 2).number(zeros, 2);
    options.out.resize(options.out.size() + zeros);
  }
  return std::move(options.out);
}

// Labels, or a pointer to some. Where a pointer leads does not matter.
void skip_name(byte_reader& in) {
  constexpr std::size_t pointer = 0xc0;
  std::size_t sum = 0;
  while (const std::size_t length = in.size(1)) {
    sum += length + 1;
    if (length >= pointer) return static_cast<void>(in.take(1));
    if (length > max_label || sum > max_host_name + 1) return static_cast<void>(in.take(SIZE_MAX));
    in.take(length);
  }
}

// In the letters of the server's choice.
bool has_name(byte_reader& in, std::string_view name) {
  while (const std::size_t length = in.size(1)) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (length != label.size() || !is_name(as_text(in.take(length)), label)) return false;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  return in.good() && name.empty();
}

bool repeats(byte_reader& in, const dns_question& asked) {
  if (!has_name(in, asked.name)) return false;
  const auto type = in.number(2), net = in.number(2);
  return in.good() && type == static_cast<std::uint16_t>(asked.type) && net == dns_class_in;
}

bool read_record(byte_reader& in, const dns_question& asked, dns_reply& to) {
  skip_name(in);
  const auto type = in.number(2), net = in.number(2);
  const std::chrono::seconds ttl(in.number(4));
  const const_bytes data = in.counted(2);
  if (!in.good()) return false;
  to.ttl = std::min(to.ttl, ttl);
  if (net != dns_class_in || type != static_cast<std::uint16_t>(asked.type)) return true;
  if (data.size() != (asked.type == dns_type::a ? 4U : 16U)) return false;
  const auto a = to_asio({reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
  auto& all = to.addresses;
  if (all.size() < most_reply_addresses && std::find(all.begin(), all.end(), a) == all.end())
    all.push_back(a);
  return true;
}

// A server that does not read OPT may return a header alone.
bool refuses_form(unsigned code) noexcept {
  return code == code_of_format || code == code_of_not_implemented;
}

}  // namespace

std::vector<std::byte> write_dns_question(const dns_question& q) {
  question_writer m;
  m.number(q.id, 2).number(wants_recursion, 2).number(1, 2).number(0, 4).number(q.edns, 2);
  m.name(q.name).number(static_cast<std::uint16_t>(q.type), 2).number(dns_class_in, 2);
  if (!q.edns) return std::move(m.out);
  m.number(0, 1).number(dns_type_opt, 2).number(dns_udp_size, 2).number(0, 4);
  const auto options = options_of_question(q, m.out.size() + 2);
  m.number(options.size(), 2).raw(options);
  return std::move(m.out);
}

std::optional<dns_reply> read_dns_reply(const_bytes message, const dns_question& asked) {
  byte_reader in(message);
  const auto id = in.number(2), flags = in.number(2);
  const auto questions = in.number(2), answers = in.number(2);
  in.take(4);
  if (!in.good() || id != asked.id || (flags & is_reply) == 0 || (flags & dns_opcode_bits) != 0)
    return std::nullopt;
  dns_reply out;
  out.code = static_cast<unsigned>(flags & 15);
  if (questions == 0 && refuses_form(out.code)) return out;
  if (questions != 1 || !repeats(in, asked)) return std::nullopt;
  out.truncated = (flags & is_cut) != 0;
  out.ttl = std::chrono::seconds::max();
  for (std::uint64_t i = 0; i < answers; ++i)
    if (!read_record(in, asked, out)) {
      if (!out.truncated) return std::nullopt;
      break;
    }
  if (answers == 0 || out.ttl == std::chrono::seconds::max()) out.ttl = std::chrono::seconds(0);
  return out;
}

}  // namespace muxpro::proxy
