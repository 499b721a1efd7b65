#include "proxy/routing/geo_data.hpp"

#include "proxy/base/proto_reader.hpp"
#include "proxy/base/text.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace muxpro::proxy {

namespace {

// Numbers of fields and of kinds in the definitions of V2Ray and Xray.
constexpr std::uint64_t list_entry = 1, entry_code = 1, entry_item = 2, geoip_reverse = 3;
constexpr std::uint64_t domain_type = 1, domain_value = 2, domain_attribute = 3, attribute_key = 1;
constexpr std::uint64_t cidr_ip = 1, cidr_prefix = 2;
constexpr domain_kind kinds[] = {domain_kind::keyword, domain_kind::regexp, domain_kind::domain,
                                 domain_kind::full};

bool is_named(const_bytes entry, std::string_view name) {
  proto_reader in(entry);
  while (in.next())
    if (in.number() == entry_code) return lower_case(as_text(in.bytes())) == lower_case(name);
  return false;
}

std::optional<std::string_view> key_of(const_bytes attribute) {
  proto_reader in(attribute);
  std::string_view key;
  while (in.next())
    if (in.number() == attribute_key) key = as_text(in.bytes());
  return in.good() ? std::optional(key) : std::nullopt;
}

// False if it is damaged.
bool read_item(const_bytes domain, const std::vector<std::string_view>& wanted, std::vector<geo_domain>& to) {
  proto_reader in(domain);
  geo_domain d;
  std::set<std::string_view> keys;
  while (in.next()) {
    if (in.number() == domain_type) {
      if (in.value() >= std::size(kinds)) return false;
      d.kind = kinds[in.value()];
    } else if (in.number() == domain_value) {
      d.text = as_text(in.bytes());
    } else if (in.number() == domain_attribute) {
      const auto key = key_of(in.bytes());
      if (!key) return false;
      keys.insert(*key);
    }
  }
  const auto has = [&keys](std::string_view a) { return keys.count(a) != 0; };
  if (std::all_of(wanted.begin(), wanted.end(), has)) to.push_back(d);
  return in.good();
}

bool read_item(const_bytes cidr, std::vector<ip_prefix>& to) {
  proto_reader in(cidr);
  const_bytes ip;
  std::uint64_t bits = 0;
  while (in.next()) {
    if (in.number() == cidr_ip) ip = in.bytes();
    if (in.number() == cidr_prefix) bits = in.value();
  }
  const auto block = ip_prefix::make({reinterpret_cast<const std::uint8_t*>(ip.data()), ip.size()}, bits);
  if (!in.good() || !block) return false;
  to.push_back(*block);
  return true;
}

// Calls `read` with each item of the lists of that name. It returns whether the item is valid.
template <class Entry, class Read>
geo_list<Entry> read_lists(const_bytes file, std::string_view name, Read read) {
  geo_list<Entry> list;
  bool found = false, whole = true;
  proto_reader in(file);
  while (whole && in.next()) {
    if (in.number() != list_entry || !is_named(in.bytes(), name)) continue;
    found = true;
    proto_reader entry(in.bytes());
    while (whole && entry.next()) {
      if (entry.number() == entry_item) whole = read(entry.bytes(), list.entries);
      if (entry.number() == geoip_reverse) list.reversed = entry.value() != 0;
    }
    whole = whole && entry.good();
  }
  if (!whole || !in.good()) return {"is damaged", {}, false};
  if (!found) return {"has no list '" + std::string(name) + "'", {}, false};
  return list;
}

}  // namespace

geo_list<geo_domain> read_geosite(const_bytes file, std::string_view list,
                                  const std::vector<std::string_view>& wanted) {
  return read_lists<geo_domain>(file, list,
                                [&](const_bytes item, auto& to) { return read_item(item, wanted, to); });
}

geo_list<ip_prefix> read_geoip(const_bytes file, std::string_view list) {
  return read_lists<ip_prefix>(file, list, [](const_bytes item, auto& to) { return read_item(item, to); });
}

}  // namespace muxpro::proxy
