// Share links and subscriptions of a stranger: what becomes an outbound is JSON that reads the same, and the
// link of such an outbound becomes the same outbound again.
#include "fuzz.hpp"

#include "proxy/config/merge.hpp"
#include "proxy/config/position.hpp"
#include "proxy/config/share_link.hpp"

#include <muxpro/proxy/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace link_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

std::optional<setting> read(std::string_view link) {
  std::string why;
  auto o = outbound_of_link(link, why);
  must(o || !why.empty(), "there is an outbound, or a reason why not");
  return o;
}

void lives_on(const setting& outbound) {
  const auto link = link_of_outbound(outbound);
  if (!link) return;
  const auto again = read(*link);
  const auto third = again ? link_of_outbound(*again) : std::nullopt;
  must(!third || third == link, "the link of an outbound that a link has made is that link");
}

}  // namespace link_fuzz

FUZZ_TARGET(fuzz_link) {
  using namespace link_fuzz;
  const std::string_view text(reinterpret_cast<const char*>(in.data()), in.size());
  std::vector<setting> all;
  for (const std::string& link : links_in(text))
    if (auto o = read(link)) {
      lives_on(*o);
      all.push_back(std::move(*o));
    }
  json_text(client_config(std::move(all)));
  position_of(text, "outbounds[0].settings.vnext[1].users");
}
