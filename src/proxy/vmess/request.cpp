#include "proxy/vmess/request.hpp"

#include "proxy/base/aead.hpp"
#include "proxy/base/port_and_address.hpp"
#include "proxy/vmess/checksums.hpp"
#include "proxy/vmess/kdf.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t head_nonce = 8, length_with_tag = 2 + aead_tag, checksum_size = 4;
constexpr std::size_t max_head = max_vmess_request - vmess_auth_id - length_with_tag - head_nonce - aead_tag;

enum class vmess_command : std::uint8_t { tcp = 1, udp = 2, mux = 3 };
/// What the command "mux" stands for.
constexpr const char* mux_cool_host = "v1.mux.cool";
constexpr std::uint16_t mux_cool_port = 9527;

/// One of the two parts of a request, each of which has a key and a nonce of its own.
class head_part {
 public:
  head_part(const vmess_user& user, const_bytes auth_id, const_bytes nonce, std::string_view key_path,
            std::string_view nonce_path, aead_key::use how)
      : auth_id_(auth_id),
        nonce_(vmess_kdf(user.command_key, {bytes_of(nonce_path), auth_id, nonce})),
        key_(aead_cipher::aes_128_gcm,
             const_bytes(vmess_kdf(user.command_key, {bytes_of(key_path), auth_id, nonce})).first(16), how) {}

  void append_sealed(std::vector<std::byte>& out, const_bytes text) {
    const std::size_t had = out.size();
    out.resize(had + text.size() + aead_tag);
    key_.seal(const_bytes(nonce_).first(aead_nonce), text, out.data() + had, auth_id_);
  }
  std::optional<std::vector<std::byte>> open(const_bytes sealed) {
    std::vector<std::byte> out(sealed.size() - aead_tag);
    if (!key_.open(const_bytes(nonce_).first(aead_nonce), sealed, out.data(), auth_id_)) return std::nullopt;
    return out;
  }

 private:
  const_bytes auth_id_;
  std::array<std::byte, 32> nonce_;
  aead_key key_;
};

head_part length_part(const vmess_user& user, const_bytes auth_id, const_bytes nonce, aead_key::use how) {
  return {user, auth_id, nonce, "VMess Header AEAD Key_Length", "VMess Header AEAD Nonce_Length", how};
}
head_part main_part(const vmess_user& user, const_bytes auth_id, const_bytes nonce, aead_key::use how) {
  return {user, auth_id, nonce, "VMess Header AEAD Key", "VMess Header AEAD Nonce", how};
}

void append(std::vector<std::byte>& out, const_bytes more) {
  out.insert(out.end(), more.begin(), more.end());
}
template <class... Octets>
void append_octets(std::vector<std::byte>& out, Octets... octets) {
  (out.push_back(static_cast<std::byte>(octets)), ...);
}

bool is_mux_cool(const destination& d) noexcept {
  return d.net == network::tcp && d.port == mux_cool_port && is_name(d.host.domain(), mux_cool_host);
}

std::vector<std::byte> plain_head(const vmess_body& body, const destination& target, const_bytes padding) {
  std::vector<std::byte> out{std::byte{1}};
  out.reserve(max_head);
  append(out, body.iv);
  append(out, body.key);
  const bool mux = is_mux_cool(target);
  const auto asked = mux ? vmess_command::mux : body.datagrams ? vmess_command::udp : vmess_command::tcp;
  append_octets(out, body.answer, body.options,
                padding.size() << 4U | static_cast<std::size_t>(body.security), 0, asked);
  if (!mux) append_port_and_address(out, {target.host, target.port});
  append(out, padding);
  const std::uint32_t sum = fnv1a(out);
  append_octets(out, sum >> 24U, sum >> 16U, sum >> 8U, sum);
  return out;
}

vmess_request of_vmess_stranger() {
  vmess_request out;
  out.head = request_head::of_stranger();
  return out;
}

const char* mistake_in(const vmess_body& b, std::uint8_t security) {
  if (security < static_cast<std::uint8_t>(vmess_security::aes_128_gcm) ||
      security > static_cast<std::uint8_t>(vmess_security::none))
    return "The client uses a VMess security that muxpro does not have.";
  if (b.has(vmess_body::padding) && !b.has(vmess_body::masked_lengths) && b.encrypted())
    return "The client pads its chunks without masking their lengths.";
  if (b.datagrams && !b.encrypted() && !b.has(vmess_body::chunks))
    return "The client's datagrams are neither encrypted nor in chunks.";
  return nullptr;
}

template <std::size_t N>
void take_into(byte_reader& r, std::array<std::byte, N>& out) {
  const const_bytes all = r.take(N);
  std::copy(all.begin(), all.end(), out.begin());
}

std::optional<destination> read_target(byte_reader& r, vmess_command asked) {
  if (asked == vmess_command::mux)
    return destination(network::tcp, address(std::string(mux_cool_host)), mux_cool_port);
  if (asked != vmess_command::tcp && asked != vmess_command::udp) return std::nullopt;
  auto where = read_port_and_address(r);
  if (!where || !where->host.valid() || where->port == 0) return std::nullopt;
  const network net = asked == vmess_command::udp ? network::udp : network::tcp;
  return destination(net, std::move(where->host), where->port);
}

// The whole of a head that is authentic.
vmess_request parse(const_bytes plain, std::size_t consumed) {
  if (plain.size() < checksum_size) return of_vmess_stranger();
  const const_bytes content = plain.first(plain.size() - checksum_size);
  byte_reader sum(plain.subspan(content.size()));
  byte_reader r(content);
  vmess_request out;
  vmess_body& b = out.body;
  const bool version = r.number(1) == 1;
  take_into(r, b.iv);
  take_into(r, b.key);
  b.answer = static_cast<std::uint8_t>(r.number(1));
  b.options = static_cast<std::uint8_t>(r.number(1));
  const auto padding_and_security = static_cast<std::uint8_t>(r.number(1));
  r.take(1);
  const auto asked = static_cast<vmess_command>(r.number(1));
  if (!r.good() || !version || sum.number(checksum_size) != fnv1a(content)) return of_vmess_stranger();
  b.datagrams = asked == vmess_command::udp;
  b.security = static_cast<vmess_security>(padding_and_security & 0xfU);
  if (const char* mistake = mistake_in(b, padding_and_security & 0xfU)) {
    out.head = request_head::refusal({}, mistake);
    return out;
  }
  auto target = read_target(r, asked);
  r.take(padding_and_security >> 4U);
  if (!target || !r.good())
    out.head = request_head::refusal({}, "The VMess request has no valid target, or an unknown command.");
  else
    out.head = request_head::of({}, *std::move(target), consumed);
  return out;
}

}  // namespace

std::vector<std::byte> seal_vmess_request(const vmess_user& user, std::int64_t time, const vmess_body& body,
                                          const destination& target, const vmess_random& random) {
  const vmess_block id = seal_auth_id(user, time, random.auth_id);
  const std::vector<std::byte> head = plain_head(body, target, random.padding);
  const std::array<std::byte, 2> length{static_cast<std::byte>(head.size() >> 8U),
                                        static_cast<std::byte>(head.size())};
  std::vector<std::byte> out(id.begin(), id.end());
  length_part(user, id, random.nonce, aead_key::use::to_seal).append_sealed(out, length);
  append(out, random.nonce);
  main_part(user, id, random.nonce, aead_key::use::to_seal).append_sealed(out, head);
  return out;
}

vmess_request read_vmess_request(const_bytes received, const vmess_user& user) {
  byte_reader r(received, max_vmess_request);
  const const_bytes id = r.take(vmess_auth_id), length = r.take(length_with_tag), nonce = r.take(head_nonce);
  if (r.missing()) return {};
  const auto size = length_part(user, id, nonce, aead_key::use::to_open).open(length);
  if (!size) return of_vmess_stranger();
  const const_bytes head = r.take(byte_reader(*size).size(2) + aead_tag);
  if (r.missing()) return {};
  if (!r.good()) return of_vmess_stranger();
  const auto plain = main_part(user, id, nonce, aead_key::use::to_open).open(head);
  return plain ? parse(*plain, r.position()) : of_vmess_stranger();
}

}  // namespace muxpro::proxy
