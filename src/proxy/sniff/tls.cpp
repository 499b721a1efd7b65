#include "proxy/sniff/tls.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/sniff/client_hello.hpp"
#include "proxy/tls/record.hpp"

#include <algorithm>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr std::uint64_t handshake_record = 22, major_version = 3;

// What the records hold, as far as they are handshake records of a sane size, and whether more may follow.
struct handshake {
  std::vector<std::byte> bytes;
  bool open = true;
};

// The part of the next record's content that has come. Sets `open` to whether the record can still be part of
// the handshake.
const_bytes take_record(const_bytes& in, bool& open) {
  byte_reader header(in, record_header);
  const auto type = header.number(1);
  if (header.good() && type != handshake_record) open = false;
  const auto major = header.number(1);
  if (header.good() && major != major_version) open = false;
  header.take(1);
  const std::size_t length = header.size(2);
  if (header.good() && (length == 0 || length > record_text)) open = false;
  if (!open || !header.good()) return in = {};
  in = in.subspan(record_header);
  const const_bytes content = in.first(std::min(length, in.size()));
  in = in.subspan(content.size());
  return content;
}

handshake gather(const_bytes in) {
  handshake all;
  for (std::size_t n = 0; !in.empty() && all.open; ++n) {
    if (n == max_hello_records) {
      all.open = false;
      break;
    }
    const const_bytes content = take_record(in, all.open);
    all.bytes.insert(all.bytes.end(), content.begin(), content.end());
  }
  return all;
}

}  // namespace

sniff_result sniff_tls(const_bytes first) {
  const handshake all = gather(first.first(std::min(first.size(), sniff_limit)));
  // Records before a bad one count, because they came before it.
  hello_clue clue = read_client_hello(all.bytes);
  if (clue.status == sniff_status::need_more && !all.open) return {};
  if (clue.status != sniff_status::found) return {clue.status, {}, {}, {}};
  return {sniff_status::found, "tls", std::move(clue.server_name), {}};
}

}  // namespace muxpro::proxy
