#include "proxy/transport/disguise.hpp"

#include "proxy/base/text.hpp"
#include "proxy/net/read_more.hpp"
#include "proxy/transport/coroutine_stream.hpp"

#include <muxpro/error.hpp>

#include <algorithm>
#include <random>
#include <string_view>
#include <variant>

namespace muxpro::proxy {

namespace {

std::size_t draw_below(std::size_t n) {
  static thread_local std::minstd_rand dice(std::random_device{}());
  return std::uniform_int_distribution<std::size_t>(0, n - 1)(dice);
}

/// Reads the rest of a head, and no byte behind it. What was read stays in `head` if the read is cancelled.
asio::awaitable<void> read_disguise_head(connection& from, std::string& head, std::error_code& ec) {
  while (!ec && !is_whole_head(head)) {
    if (head.size() >= http_disguise::longest) {
      ec = errc::bad_answer;
      co_return;
    }
    co_await read_more(from, head, missing_in_head(head), ec);
  }
}

/// A client's connection. See coroutine_stream.
class behind_head {
 public:
  explicit behind_head(std::shared_ptr<connection> c) : c_(std::move(c)) {}

  asio::any_io_executor get_executor() const { return c_->get_executor(); }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) {
    if (!is_whole_head(head_)) co_await read_disguise_head(*c_, head_, ec);
    if (ec) co_return 0;
    head_.assign("\r\n\r\n");
    const std::size_t n = co_await c_->read_some(into, ec);
    co_return n;
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) { return c_->write(from, ec); }
  asio::awaitable<void> finish() { return c_->finish(); }
  void cut(end_code code) noexcept { c_->cut(code); }
  void close() noexcept { c_->close(); }

 private:
  const std::shared_ptr<connection> c_;
  std::string head_;
};

// --- configuration

void read_values(settings& s, const std::string& name, const setting& value, disguise_field& to) {
  const auto add = [&](const setting& v) {
    const auto* const text = std::get_if<std::string>(&v.is);
    if (text && std::all_of(text->begin(), text->end(), is_line_char)) return to.values.push_back(*text);
    s.wrong("headers", "has for '" + sanitized(name) + "' a value that is not a text of one line");
  };
  if (const auto* const list = std::get_if<setting::list>(&value.is))
    std::for_each(list->begin(), list->end(), add);
  else
    add(value);
}

void read_fields(settings& s, std::vector<disguise_field>& out) {
  std::vector<disguise_field> fields;
  const bool there =
      s.each({"headers", "Fields; of a list of values each head has one. Default: those of V2Ray."},
             [&](const std::string& name, const setting& value, std::string) {
               if (!is_token(name))
                 return s.wrong("headers", "has '" + sanitized(name) + "', which is not a field name");
               read_values(s, name, value, fields.emplace_back(disguise_field{name, {}}));
             });
  if (there) out = std::move(fields);
}

void read_word(settings& s, const setting_key& key, std::string& out) {
  std::string word = out;
  if (!s.text(key, word)) return;
  const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (word.empty() || !std::all_of(word.begin(), word.end(), visible))
    s.wrong(key.name, "is '" + sanitized(word) + "'; it must be a word without spaces");
  else
    out = std::move(word);
}

void read_request(settings& s, http_disguise& d) {
  read_word(s, {"version", "Of HTTP."}, d.version);
  read_word(s, {"method", "The method."}, d.method);
  std::vector<std::string> paths;
  if (s.texts({"path", "The paths; each head has one. A server that has some refuses others. Default: /."},
              paths) &&
      !paths.empty()) {
    d.paths = std::move(paths);
    d.checks_path = true;
  }
  const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
  for (const std::string& p : d.paths)
    if (!p.starts_with('/') || !std::all_of(p.begin(), p.end(), visible))
      s.wrong("path", "has '" + sanitized(p) + "'; a path begins with a slash and has no spaces");
  read_fields(s, d.request);
}

void read_answer(settings& s, http_disguise& d) {
  read_word(s, {"version", "Of HTTP."}, d.answer_version);
  std::string status = d.status;
  if (s.text_or_number({"status", "The status code; default: 200."}, status)) {
    if (status.size() != 3 || !std::all_of(status.begin(), status.end(), is_digit))
      s.wrong("status", "is '" + sanitized(status) + "'; it must be a number of three digits");
    else
      d.status = status;
  }
  read_word(s, {"reason", "The reason behind it."}, d.reason);
  read_fields(s, d.answer);
}

}  // namespace

asio::awaitable<void> disguise_transport::receive_request(connection& from, std::error_code& ec) const {
  std::string head;
  co_await read_disguise_head(from, head, ec);
  if (ec) co_return;
  if (accepts_disguise(disguise_, head)) {
    const std::string answer = disguise_answer(disguise_, draw_below);
    co_await from.write(asio::buffer(answer), ec);
    co_return;
  }
  const std::string_view refusal = disguise_refusal();
  co_await from.write(asio::buffer(refusal.data(), refusal.size()), ec);
  if (!ec) co_await from.finish();
  ec = errc::bad_answer;
}

asio::awaitable<std::shared_ptr<connection>> disguise_transport::open(std::shared_ptr<connection> below,
                                                                      std::error_code& ec) const {
  const deadline limit(below, handshake);
  if (side_ == role::client) {
    const std::string request = disguise_request(disguise_, draw_below);
    co_await below->write(asio::buffer(request), ec);
  } else {
    co_await receive_request(*below, ec);
  }
  if (ec && limit.expired()) ec = asio::error::timed_out;
  if (ec) below->close();
  if (ec) co_return nullptr;
  if (side_ == role::server) co_return below;
  std::shared_ptr<connection> c = make_connection(coroutine_stream(std::make_shared<behind_head>(below)));
  c->inherit(*below);
  co_return c;
}

std::shared_ptr<http_disguise> read_disguise(settings& s) {
  std::shared_ptr<http_disguise> out;
  s.object({"header", "What goes in front of the bytes of each direction."}, [&out](settings& h) {
    const auto d = std::make_shared<http_disguise>();
    bool is_http = false;
    h.one_of<bool>({"type", "Nothing, or a head of HTTP."}, is_http, {{"none", false}, {"http", true}});
    h.object({"request", "The client's head, if type is http."}, [&d](settings& r) { read_request(r, *d); });
    h.object({"response", "The server's head, if type is http."}, [&d](settings& r) { read_answer(r, *d); });
    if (is_http) out = d;
  });
  return out;
}

}  // namespace muxpro::proxy
