#include "proxy/transport/http1_exchange.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/net/read_more.hpp"
#include "proxy/transport/http2_errors.hpp"

#include <muxpro/timer.hpp>

#include <asio/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Most bytes of a chunk: its frame and it go in one write.
constexpr std::size_t most_chunk = 64 * 1024;

/// Between a server's last bytes and the end of its answer.Xray's client drops bytes that come in one read
/// with the end. Xray's server sends the end later.
constexpr duration before_end = std::chrono::milliseconds(100);

void append_fields(std::string& to, const std::vector<http_field>& fields) {
  for (const http_field& f : fields) to.append(f.name).append(": ").append(f.value).append("\r\n");
}

std::string_view phrase_of(unsigned status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 503: return "Service Unavailable";
    default: return "Refused";
  }
}

std::string status_line(unsigned status) {
  return fmt::format("HTTP/1.1 {} {}\r\n", status, phrase_of(status));
}

}  // namespace

std::shared_ptr<http1_exchange> http1_exchange::answering(std::shared_ptr<connection> below,
                                                          const http_request& r,
                                                          std::vector<std::byte> behind, ending on_end) {
  std::shared_ptr<http1_exchange> made(new http1_exchange(std::move(below), std::move(on_end)));
  made->is_server_ = true;
  made->in_ = http_body(r.body);
  made->held_ = std::move(behind);
  made->keeps_ = r.keeps;
  made->out_ = r.version_1_1 ? framing::chunked : framing::until_close;
  return made;
}

std::shared_ptr<http1_exchange> http1_exchange::asking(std::shared_ptr<connection> below,
                                                       const http_request& r, bool keeps, ending on_end) {
  std::shared_ptr<http1_exchange> made(new http1_exchange(std::move(below), std::move(on_end)));
  made->parser_.emplace(r.method);
  made->keeps_ = keeps;
  made->out_ = r.body.what;
  made->finished_ = made->end_sent_ = made->out_ == framing::none;
  made->head_ = fmt::format("{} {} HTTP/1.1\r\n", r.method, r.path);
  append_fields(made->head_, r.fields);
  if (!keeps) made->head_ += "Connection: close\r\n";
  const bool needs_length = r.body.length > 0 || r.method != "GET";
  if (r.body.what == framing::length && needs_length)
    made->head_ += fmt::format("Content-Length: {}\r\n", r.body.length);
  return made;
}

void http1_exchange::answer(const std::vector<http_field>& fields) {
  head_ = status_line(200);
  append_fields(head_, fields);
}

void http1_exchange::watch(std::function<void()> gone) {
  gone_ = std::move(gone);
  keeps_ = false;
}

asio::awaitable<void> http1_exchange::refuse(unsigned status, std::vector<http_field> fields) {
  const auto self = shared_from_this();
  keeps_ = keeps_ && in_.done();
  answer(fields);
  head_.replace(0, head_.find('\n') + 1, status_line(status));
  co_await finish();
  end(false);
}

asio::awaitable<void> http1_exchange::begin(std::error_code& ec) {
  const auto self = shared_from_this();
  if (gone_ && in_.done()) start_watch();
  std::string text = take_head(true);
  co_await send(std::move(text), ec);
}

// --- reading

asio::awaitable<std::size_t> http1_exchange::read_some(asio::mutable_buffer into, std::error_code& ec) {
  const auto self = shared_from_this();
  const bytes room(static_cast<std::byte*>(into.data()), into.size());
  if (parser_) co_await read_answer(ec);
  while (!ec && !in_.done()) {
    std::size_t n = take_held(room);
    if (n == 0) n = co_await below_->read_some(into, ec);
    if (ec == asio::error::eof && !ends_with_connection_) ec = asio::error::connection_reset;
    if (ec) break;
    n = decode(room.first(n), ec);
    if (in_.done() && gone_) start_watch();
    if (n > 0) co_return n;
  }
  if (!ec) ec = asio::error::eof;
  end_if_over();
  co_return 0;
}

asio::awaitable<void> http1_exchange::read_answer(std::error_code& ec) {
  constexpr std::size_t piece = 2048;
  for (;;) {
    const auto step = parser_->next(held_);
    if (step.what == http_response_parser::status::refused) ec = http2_errc::bad_body;
    if (ec) co_return;
    if (step.what == http_response_parser::status::complete) {
      held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(step.consumed));
      if (step.response.is_interim()) {
        parser_.emplace("POST");
        continue;
      }
      parser_.reset();
      in_ = http_body(step.response.body);
      ends_with_connection_ = step.response.body.what == framing::until_close;
      keeps_ = keeps_ && step.response.keeps;
      if (step.response.status != 200)
        ec = http2_status(http2_errc::status, static_cast<int>(step.response.status));
      co_return;
    }
    co_await read_more(*below_, held_, piece, ec);
    if (ec == asio::error::eof) ec = asio::error::connection_reset;
    if (ec) co_return;
  }
}

std::size_t http1_exchange::take_held(bytes into) noexcept {
  const std::size_t n = std::min(into.size(), held_.size());
  if (n > 0) std::memcpy(into.data(), held_.data(), n);
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(n));
  return n;
}

/// Moves the content to the front, and keeps what is behind the body.
std::size_t http1_exchange::decode(bytes in, std::error_code& ec) {
  std::size_t at = 0, content_size = 0;
  while (at < in.size() && !in_.done()) {
    const_bytes content;
    const auto step = in_.next(in.subspan(at), content);
    if (step.what == http_body::status::refused) {
      ec = http2_errc::bad_body;
      return 0;
    }
    at += step.bytes;
    if (!content.empty()) std::memmove(in.data() + content_size, content.data(), content.size());
    content_size += content.size();
  }
  held_.insert(held_.begin(), in.begin() + static_cast<std::ptrdiff_t>(at), in.end());
  return content_size;
}

// --- writing

/// With the framing of the body, or of none.
std::string http1_exchange::take_head(bool has_body) {
  std::string text = std::exchange(head_, {});
  if (text.empty()) return text;
  if (is_server_ && !keeps_) text += "Connection: close\r\n";
  if (is_server_ && !has_body) out_ = framing::none;
  if (is_server_ && out_ == framing::none) text += "Content-Length: 0\r\n";
  if (out_ == framing::chunked) text += "Transfer-Encoding: chunked\r\n";
  return text + "\r\n";
}

asio::awaitable<void> http1_exchange::send(std::string text, std::error_code& ec) {
  if (!text.empty()) co_await below_->write(asio::buffer(text), ec);
}

asio::awaitable<void> http1_exchange::write(asio::const_buffer from, std::error_code& ec) {
  const auto self = shared_from_this();
  while (!ec && from.size() > 0) {
    if (finished_) ec = errc::already_shut_down;
    if (ec) co_return;
    const asio::const_buffer piece = asio::buffer(from, most_chunk);
    std::string text = take_head(true);
    if (out_ == framing::chunked) text += fmt::format("{:x}\r\n", piece.size());
    text.append(static_cast<const char*>(piece.data()), piece.size());
    if (out_ == framing::chunked) text += "\r\n";
    co_await send(std::move(text), ec);
    written_ = std::chrono::steady_clock::now();
    from += piece.size();
  }
}

asio::awaitable<void> http1_exchange::pause_before_end(std::error_code& ec) {
  const time_point until = written_ + before_end;
  if (std::chrono::steady_clock::now() >= until) co_return;
  counted_timer pause(get_executor(), until);
  co_await pause.async_wait(or_error(ec));
}

asio::awaitable<void> http1_exchange::finish() {
  const auto self = shared_from_this();
  if (std::exchange(finished_, true)) co_return;
  std::error_code shown_by_reads;
  if (is_server_ && out_ == framing::chunked) co_await pause_before_end(shown_by_reads);
  std::string text = take_head(false);
  if (out_ == framing::chunked) text += "0\r\n\r\n";
  if (!shown_by_reads) co_await send(std::move(text), shown_by_reads);
  if (shown_by_reads) keeps_ = false;
  end_sent_ = true;
  end_if_over();
}

// --- the end

asio::awaitable<void> http1_exchange::watch_peer(std::shared_ptr<connection> below,
                                                 std::weak_ptr<http1_exchange> of) {
  std::array<std::byte, 64> dropped{};
  std::error_code ec;
  while (!ec && !of.expired()) co_await below->read_some(asio::buffer(dropped), ec);
  if (const auto e = of.lock(); e && ec != asio::error::operation_aborted) e->peer_has_gone();
}

void http1_exchange::start_watch() {
  if (std::exchange(watching_, true)) return;
  asio::co_spawn(get_executor(), watch_peer(below_, weak_from_this()), [](std::exception_ptr) {});
}

void http1_exchange::peer_has_gone() noexcept {
  if (finished_) return;
  if (const auto gone = std::exchange(gone_, nullptr)) gone();
  below_->cut();
}

void http1_exchange::end_if_over() {
  if (end_sent_ && !parser_ && in_.done()) end(keeps_);
}

void http1_exchange::end(bool keeps) noexcept {
  if (std::exchange(ended_, true)) return;
  if (const ending on_end = std::exchange(on_end_, nullptr)) on_end(keeps, std::move(held_));
}

void http1_exchange::cut(end_code code) noexcept {
  if (ended_) return;
  below_->cut(code);
  end(false);
}

// A server's caller closes the connection behind the answer.
void http1_exchange::close() noexcept {
  if (ended_) return;
  if (!end_sent_) return cut(end_code::remote_disconnect);
  if (!is_server_) below_->close();
  end(false);
}

}  // namespace muxpro::proxy
