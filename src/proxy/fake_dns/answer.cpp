#include "proxy/fake_dns/dns_query.hpp"
#include "proxy/fake_dns/fake_dns.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/host_name.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

// RFC 1035 section 4.1.1, RFC 6895 section 2.3, RFC 6891 section 9.
enum rcode : std::uint16_t {
  no_error = 0,
  format_error = 1,
  not_implemented = 4,
  refused = 5,
  bad_version = 16
};
constexpr std::uint16_t type_a = 1, type_aaaa = 28, type_opt = 41, class_in = 1;
constexpr std::uint16_t response = 0x8000, truncated = 0x0200, recursion_available = 0x0080;
constexpr std::uint16_t opcode = 0x7800, recursion_desired = 0x0100, checking_disabled = 0x0010;
constexpr std::size_t header_size = 12;

struct question {
  std::string name;             ///< labels joined by dots
  bool dots_in_labels = false;  ///< so that it is another name than it looks
  std::uint16_t type = 0, net = 0;
  const_bytes whole;
  bool edns = false;
  std::uint8_t edns_version = 0;
};

// Reads a name without pointers, because no name stands in front of a question that it could point to.
bool read_name(byte_reader& in, question& q) {
  while (const std::size_t length = in.size(1)) {
    if (length > max_label || q.name.size() + 1 + length > max_host_name) return false;
    const std::string_view label = as_text(in.take(length));
    if (!q.name.empty()) q.name += '.';
    q.name += label;
    q.dots_in_labels |= label.find('.') != std::string_view::npos;
  }
  return in.good();
}

// The OPT record (RFC 6891 section 6.1.2), of which there is at most one, for the root.
bool read_opt(byte_reader& in, question& q) {
  if (in.number(1) != 0) return false;
  const bool is_opt = in.number(2) == type_opt;
  in.take(2 + 1);  // the other side's limit, the upper bits of the response code
  const auto version = in.number(1);
  in.take(2);
  in.counted(2);
  if (!is_opt || !in.good()) return false;
  q.edns = true;
  q.edns_version = static_cast<std::uint8_t>(version);
  return true;
}

// Reads one question, which only one OPT record may follow.
bool read_question(const_bytes query, question& q) {
  byte_reader in(query);
  in.take(4);
  const bool one_question = in.number(2) == 1;
  const bool no_answers = in.number(4) == 0;
  const auto additional = in.number(2);
  if (!one_question || !no_answers || additional > 1 || !read_name(in, q)) return false;
  q.type = static_cast<std::uint16_t>(in.number(2));
  q.net = static_cast<std::uint16_t>(in.number(2));
  if (!in.good()) return false;
  q.whole = query.subspan(header_size, in.position() - header_size);
  return (additional == 0 || read_opt(in, q)) && in.left() == 0;
}

class message {
 public:
  message& number(std::uint64_t n, std::size_t octets) {
    for (; octets-- > 0;) bytes_.push_back(static_cast<std::byte>(n >> (8 * octets)));
    return *this;
  }
  message& raw(const_bytes b) {
    bytes_.insert(bytes_.end(), b.begin(), b.end());
    return *this;
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

struct header {
  std::uint16_t id, flags;
};

header read_header(const_bytes query) {
  byte_reader in(query);
  const auto id = in.number(2), flags = in.number(2);
  return {static_cast<std::uint16_t>(id), static_cast<std::uint16_t>(flags)};
}

message begin(header h, std::uint16_t code, bool question, std::size_t records, bool edns) {
  const int kept = h.flags & (opcode | recursion_desired | checking_disabled);
  message m;
  m.number(h.id, 2).number(static_cast<std::uint16_t>(kept | response | recursion_available | (code & 15)),
                           2);
  m.number(question, 2).number(records, 2).number(0, 2).number(edns, 2);
  return m;
}

std::vector<std::byte> without_question(header h, std::uint16_t code) {
  return begin(h, code, false, 0, false).take();
}

std::vector<std::byte> compose(header h, const question& q, std::uint16_t code,
                               std::span<const address> found, std::chrono::seconds ttl) {
  constexpr std::uint16_t to_question = 0xc000 | header_size;
  message m = begin(h, code, true, found.size(), q.edns);
  m.raw(q.whole);
  for (const address& a : found) {
    const auto octets = a.octets();
    m.number(to_question, 2).number(q.type, 2).number(class_in, 2);
    m.number(static_cast<std::uint64_t>(ttl.count()), 4).number(octets.size(), 2).raw(std::as_bytes(octets));
  }
  if (q.edns)
    m.number(0, 1).number(type_opt, 2).number(max_dns_answer, 2).number(code >> 4, 1).number(0, 1 + 2 + 2);
  return m.take();
}

}  // namespace

struct dns_query::impl {
  explicit impl(const_bytes q) : bytes(q.begin(), q.end()) {}
  const std::vector<std::byte> bytes;
  header head{};
  question asked;
};

dns_query::dns_query(const_bytes query) : impl_(std::make_unique<impl>(query)) { read(); }

void dns_query::read() {
  const const_bytes bytes = impl_->bytes;
  if (bytes.size() < header_size) return finish({});
  const header h = impl_->head = read_header(bytes);
  question& q = impl_->asked;
  if (h.flags & response) return finish({});
  if (h.flags & opcode) return finish(without_question(h, not_implemented));
  if ((h.flags & truncated) || !read_question(bytes, q)) return finish(without_question(h, format_error));
  if (q.edns_version != 0) return finish(compose(h, q, bad_version, {}, {}));
  const auto host = q.dots_in_labels ? std::nullopt : canonical_host(q.name);
  const bool is_name = host && address(*host).is_domain();
  if (q.net == class_in) type_ = q.type;
  if (is_name) name_ = *host;
  if (q.net != class_in || !is_name) return finish(compose(h, q, refused, {}, {}));
  if (q.type == type_a) family_ = address::kind::ipv4;
  if (q.type == type_aaaa) family_ = address::kind::ipv6;
  if (!family_) finish(compose(h, q, no_error, {}, {}));
}

dns_query::dns_query(dns_query&&) noexcept = default;
dns_query::~dns_query() = default;

std::vector<std::byte> dns_query::reply(std::span<const address> found, std::chrono::seconds ttl) const {
  // As many as fit without EDNS: 16 octets of a record of IPv4, 28 of one of IPv6.
  const std::size_t record = *family_ == address::kind::ipv4 ? 16 : 28;
  const std::size_t room = max_dns_answer - header_size - impl_->asked.whole.size() - 11;
  return compose(impl_->head, impl_->asked, no_error, found.first(std::min(found.size(), room / record)),
                 ttl);
}

const_bytes dns_query::bytes() const noexcept { return impl_->bytes; }

std::vector<std::byte> dns_query::failure(unsigned code) const {
  return compose(impl_->head, impl_->asked, static_cast<std::uint16_t>(code), {}, {});
}

std::vector<std::byte> fake_dns::answer(const_bytes query) {
  const dns_query q(query);
  if (q.is_answered()) return q.answer();
  const auto found = address_of(q.name(), q.family());
  return q.reply({found ? &*found : nullptr, found ? 1U : 0U}, ttl_);
}

}  // namespace muxpro::proxy
