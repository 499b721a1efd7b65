// The API's messages: what is read has bounds, and is refused by api_refusal alone.
#include "fuzz.hpp"

#include "proxy/api/call.hpp"
#include "proxy/api/forms.hpp"
#include "proxy/api/handlers.hpp"
#include "proxy/api/routing_messages.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace api_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

namespace {

std::size_t values_of(const setting& s) {
  std::size_t n = 1;
  if (const auto* list = std::get_if<setting::list>(&s.is))
    for (const setting& one : *list) n += values_of(one);
  if (const auto* object = std::get_if<setting::object>(&s.is))
    for (const auto& [key, one] : *object) n += values_of(one);
  return n;
}

void read_form(const message_form& form, const_bytes in) {
  const setting out(object_of(form, in));
  must(values_of(out) <= 4 * in.size() + 8, "a tree grows with its message");
}

void read_call(const_bytes in) {
  call_reader whole, slow;
  for (std::size_t i = 0; i < in.size(); ++i) slow.take(in.subspan(i, 1));
  whole.take(in);
  const const_bytes a = whole.message(), b = slow.message();
  must(a.size() + 5 == in.size() && std::equal(a.begin(), a.end(), b.begin(), b.end()),
       "any cut gives the same message");
}

void read_any(std::uint8_t what, const_bytes in) {
  const std::string_view text(reinterpret_cast<const char*>(in.data()), in.size());
  switch (what % 9) {
    case 0: return read_form(inbound_form, in);
    case 1: return read_form(outbound_form, in);
    case 2: return read_form(user_form, in);
    case 3: return read_form(routing_form, in);
    case 4: return void(user_operation_of(in));
    case 5: return read_call(in);
    case 6: return must(!call_path_of(text) || !call_path_of(text)->service.empty(), "a path has a service");
    case 7: return void(route_answer(in, to_string(route_request_in(in).target)));
    default: return must(grpc_message_of(text).size() <= 3 * in.size(), "a text is encoded");
  }
}

}  // namespace
}  // namespace api_fuzz

FUZZ_TARGET(fuzz_api) {
  using namespace api_fuzz;
  if (in.empty()) return;
  try {
    read_any(std::to_integer<std::uint8_t>(in.front()), in.subspan(1));
  } catch (const api_refusal&) {
  }
}
