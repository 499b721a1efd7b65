#include "proxy/api/message.hpp"

#include "proxy/api/forms.hpp"
#include "proxy/api/values.hpp"
#include "proxy/base/proto_reader.hpp"
#include "proxy/base/proto_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <utility>

namespace muxpro::proxy {

namespace {

/// One message as a tree, with a count of all its values.
class message_reading {
 public:
  void read(const message_form& form, const_bytes message, setting::object& to) {
    proto_reader in(message);
    while (in.next()) take(form, in, to);
    require(in.good(), form, "is not a valid protobuf message");
  }

 private:
  static void require(bool good, const message_form& form, std::string_view what) {
    if (!good) throw api_refusal(api_code::invalid_argument, fmt::format("{} {}", form.name, what));
  }

  void take(const message_form& form, const proto_reader& in, setting::object& to) {
    count(1);
    const auto is_it = [&](const message_field& f) { return f.number == in.number(); };
    const auto found = std::find_if(form.fields.begin(), form.fields.end(), is_it);
    if (found == form.fields.end()) return refuse_unless_empty(form, in);
    if (found->form == field_form::ignored) return;
    if (found->form == field_form::typed) return take_typed(*found, in, to);
    if (found->form == field_form::object && found->key.empty()) return read(*found->fields, in.bytes(), to);
    if (found->form == field_form::range && number_range_in(in.bytes()) == "0-0") return;
    put(*found, value_of(form, *found, in), to);
  }

  static void refuse_unless_empty(const message_form& form, const proto_reader& in) {
    if (in.value() == 0 && in.bytes().empty()) return;
    throw api_refusal(api_code::unimplemented,
                      fmt::format("muxpro does not support field {} of {}", in.number(), form.name));
  }

  static void put(const message_field& f, setting value, setting::object& to) {
    setting& place = to[std::string(f.key)];
    if (f.form == field_form::pairs || f.form == field_form::accounts) return merge(std::move(value), place);
    if (!f.repeated) {
      place = std::move(value);
      return;
    }
    if (!std::holds_alternative<setting::list>(place.is)) place.is = setting::list();
    auto& list = std::get<setting::list>(place.is);
    if (auto* more = std::get_if<setting::list>(&value.is))
      std::move(more->begin(), more->end(), std::back_inserter(list));
    else
      list.push_back(std::move(value));
  }

  /// Merges an entry of a map into an object, or into a list.
  static void merge(setting entry, setting& to) {
    if (std::holds_alternative<std::nullptr_t>(to.is)) {
      to = std::move(entry);
    } else if (auto* o = std::get_if<setting::object>(&to.is)) {
      o->merge(std::get<setting::object>(entry.is));
    } else {
      auto& more = std::get<setting::list>(entry.is);
      std::move(more.begin(), more.end(), std::back_inserter(std::get<setting::list>(to.is)));
    }
  }

  setting counted(setting::list all) {
    count(all.size());
    return setting(std::move(all));
  }
  void count(std::size_t n) {
    values_ += n;
    if (values_ <= most_api_values) return;
    throw api_refusal(api_code::resource_exhausted,
                      fmt::format("the message has more than {} values", most_api_values));
  }

  static setting real_of(const proto_reader& in) {
    return setting(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(in.value()))));
  }

  /// Numbers of a list may be packed into one value.
  template <class Show>
  setting numbers_of(const message_form& form, const message_field& f, const proto_reader& in, Show show) {
    if (!f.repeated || in.bytes().empty()) return show(in.value());
    setting::list all;
    packed_numbers packed(in.bytes());
    while (packed.next()) {
      count(1);
      all.push_back(show(packed.value()));
    }
    require(packed.good(), form, "has an invalid list of numbers");
    return setting(std::move(all));
  }

  setting value_of(const message_form& form, const message_field& f, const proto_reader& in) {
    const const_bytes bytes = in.bytes();
    switch (f.form) {
      case field_form::number: return setting(static_cast<double>(static_cast<std::int64_t>(in.value())));
      case field_form::real: return real_of(in);
      case field_form::time:
        return numbers_of(form, f, in, [](std::uint64_t n) { return setting(fmt::format("{}ns", n)); });
      case field_form::flag: return setting(in.value() != 0);
      case field_form::choice: return choice_of(form, f, in);
      case field_form::base64: return setting(base64_for_urls(bytes));
      case field_form::hex: return setting(hex_text(bytes));
      case field_form::version: return setting(version_text(bytes));
      case field_form::address: return setting(host_in(bytes));
      case field_form::range: return setting(number_range_in(bytes));
      case field_form::ports: return setting(ports_in(bytes));
      case field_form::pairs:
      case field_form::accounts: return entry_in(form, f.form, bytes);
      case field_form::blocks: return counted(blocks_in(bytes));
      case field_form::name_rule: return setting(name_rule_in(bytes));
      case field_form::object: {
        setting::object inner;
        read(*f.fields, bytes, inner);
        return setting(std::move(inner));
      }
      default: return setting(std::string(as_text(bytes)));
    }
  }

  setting choice_of(const message_form& form, const message_field& f, const proto_reader& in) {
    return numbers_of(form, f, in, [&](std::uint64_t n) {
      require(n < f.names.size() && !f.names[n].empty(), form,
              fmt::format("has {} in field {}, which muxpro does not support", n, f.number));
      return setting(std::string(f.names[n]));
    });
  }

  static setting entry_in(const message_form& form, field_form how, const_bytes message) {
    std::string key, value;
    proto_reader in(message);
    while (in.next())
      if (in.number() <= 2) (in.number() == 1 ? key : value) = as_text(in.bytes());
    require(in.good(), form, "has an invalid map");
    setting::object out;
    if (how == field_form::pairs) {
      out.emplace(std::move(key), setting(std::move(value)));
      return setting(std::move(out));
    }
    out.emplace("user", setting(std::move(key)));
    out.emplace("pass", setting(std::move(value)));
    return setting(setting::list{setting(std::move(out))});
  }

  void take_typed(const message_field& f, const proto_reader& from, setting::object& to) {
    if (from.bytes().empty()) return;
    std::string_view type;
    const_bytes value;
    proto_reader in(from.bytes());
    while (in.next()) {
      if (in.number() == 1) type = as_text(in.bytes());
      if (in.number() == 2) value = in.bytes();
    }
    const typed_message* const known = find_typed_message(type);
    if (!in.good() || !known)
      throw api_refusal(api_code::unimplemented, fmt::format("muxpro does not support {}", sanitized(type)));
    setting::object inner;
    read(*known->form, value, inner);
    if (!f.key.empty() && !known->key.empty()) inner.emplace(known->key, setting(std::string(known->value)));
    if (f.key.empty() && !known->key.empty())
      to[std::string(known->key)] = setting(std::string(known->value));
    const std::string_view into = f.key.empty() ? known->into : f.key;
    if (into.empty())
      to.merge(inner);
    else
      to[std::string(into)] = setting(std::move(inner));
  }

  std::size_t values_ = 0;
};

const setting* value_at(const setting::object& o, std::string_view key) {
  const auto found = o.find(key);
  return found == o.end() ? nullptr : &found->second;
}

void write_field(const message_field& f, const setting& value, proto_writer& to) {
  if (const auto* flag = std::get_if<bool>(&value.is)) to.number(f.number, *flag ? 1 : 0);
  if (const auto* n = std::get_if<double>(&value.is))
    to.number(f.number, static_cast<std::uint64_t>(static_cast<std::int64_t>(*n)));
  const auto* text = std::get_if<std::string>(&value.is);
  if (text && f.form == field_form::text) to.text(f.number, *text);
  if (!text || f.form != field_form::choice) return;
  for (std::size_t i = 0; i < f.names.size(); ++i)
    if (!f.names[i].empty() && same_word(f.names[i], *text)) to.number(f.number, i);
}

}  // namespace

setting::object object_of(const message_form& form, const_bytes message) {
  setting::object out;
  message_reading().read(form, message, out);
  return out;
}

std::string message_of(const message_form& form, const setting::object& o) {
  proto_writer out;
  for (const message_field& f : form.fields) {
    if (f.form == field_form::object && f.key.empty()) {
      if (const std::string inner = message_of(*f.fields, o); !inner.empty()) out.message(f.number, inner);
    } else if (const setting* const value = value_at(o, f.key)) {
      write_field(f, *value, out);
    }
  }
  return out.take();
}

}  // namespace muxpro::proxy
