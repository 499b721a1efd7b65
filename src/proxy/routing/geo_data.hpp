// Named lists in V2Ray's files of geo data, which are GeoSiteList and GeoIPList of its protobuf definitions.
#pragma once

#include "proxy/base/ip_set.hpp"
#include "proxy/routing/domain_index.hpp"

#include <muxpro/codec.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

template <class Entry>
struct geo_list {
  std::string mistake;  ///< empty, or why there are no entries
  std::vector<Entry> entries;
  bool reversed = false;  ///< means everything but its entries
};

struct geo_domain {
  domain_kind kind = domain_kind::keyword;
  std::string_view text;  ///< lies in the file
};

/// Names of lists are compared without case. With attributes it returns only the entries that have all of
/// them.
geo_list<geo_domain> read_geosite(const_bytes file, std::string_view list,
                                  const std::vector<std::string_view>& attributes);
geo_list<ip_prefix> read_geoip(const_bytes file, std::string_view list);

}  // namespace muxpro::proxy
