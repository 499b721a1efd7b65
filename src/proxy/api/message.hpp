// Messages of protobuf as objects of a configuration, by tables of their fields. Ring 4, a rule.
#pragma once

#include "proxy/api/refusal.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/proxy/settings.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Values of all fields of a message, which bounds the tree that is made of it.
inline constexpr std::size_t most_api_values = 100'000;

/// How the value of a field is written in a configuration.
enum class field_form : std::uint8_t {
  ignored,
  text,
  number,  ///< a varint, a negative one has ten bytes
  real,    ///< a float
  time,    ///< nanoseconds, as "5ns"
  range,  ///< RangeConfig: "1-5". That from 0 to 0, which Xray's client writes for its defaults, has no value
  flag,
  choice,     ///< an enum, by message_field::names
  base64,     ///< bytes, in the alphabet of URLs
  hex,        ///< bytes
  version,    ///< bytes, as numbers with dots
  address,    ///< IPOrDomain
  ports,      ///< PortList
  pairs,      ///< map<string, string>
  accounts,   ///< the same, as a list of objects with user and pass
  blocks,     ///< GeoIP, as addresses with the lengths of their prefixes
  name_rule,  ///< Domain of a rule, as a text with its kind before it
  object,     ///< a message, without a key its values become those of the object around it
  typed       ///< TypedMessage, see typed_message
};

struct message_form;

struct message_field {
  std::uint32_t number;
  std::string_view key;
  field_form form = field_form::text;
  bool repeated = false;                      ///< the key has a list
  const message_form* fields = nullptr;       ///< of an object
  std::span<const std::string_view> names{};  ///< of a choice, by number, empty for an unused number
};

struct message_form {
  std::string_view name;  ///< for refusals
  std::span<const message_field> fields;
};

/// A message that stands in a TypedMessage. Its type is the name of its form.
struct typed_message {
  const message_form* form;
  /// The object in which its values stand. Empty for the object around it.
  std::string_view into{};
  /// The key and value that the type itself stands for, such as "protocol" and "vless". Empty if there is
  /// none.
  std::string_view key{}, value{};
};

/// The settings of a protocol.
constexpr typed_message settings_of(const message_form& form, std::string_view protocol) {
  return {&form, "settings", "protocol", protocol};
}

/// The object that `message` stands for. A field that has no place in `form` is refused unless it has its
/// default value. Throws api_refusal.
setting::object object_of(const message_form& form, const_bytes message);

/// The message for `o`, of the fields that are texts, numbers, flags and choices.
std::string message_of(const message_form& form, const setting::object& o);

}  // namespace muxpro::proxy
