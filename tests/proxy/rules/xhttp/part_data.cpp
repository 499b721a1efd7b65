// The parts of an upload that stand in heads of requests.
#include "xhttp_requests.hpp"

#include "proxy/xhttp/part_data.hpp"

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xhttp_test {

using data_place = xhttp_data_place;

namespace {

xhttp_options with_data_in(data_place where, const char* key) {
  xhttp_options o = at("/up");
  o.mode = xhttp_mode::packet_up;
  o.data_place = where;
  o.data_key = key;
  return o;
}

xhttp_question part_of(std::string_view data, std::size_t chunk = 3000) {
  xhttp_question q;
  q.what = purpose::post;
  q.session = "s";
  q.number = "7";
  q.part = std::as_bytes(std::span(data));
  q.chunk = chunk;
  return q;
}

std::string text_in(const xhttp_verdict& v) {
  std::string out;
  for (const std::byte b : v.data) out += static_cast<char>(b);
  return out;
}

/// As HTTP/1.1 has it.
std::size_t head_size(const http_request& r) {
  std::size_t out = r.method.size() + r.path.size() + std::string_view("  HTTP/1.1\r\n\r\n").size();
  for (const http_field& f : r.fields) out += f.name.size() + f.value.size() + 4;
  return out;
}

}  // namespace

TEST_CASE("xhttp: a part in fields, and in cookies", "[proxy][xhttp]") {
  xhttp_options o = with_data_in(data_place::header, "X-Data");
  http_request r = xhttp_request(part_of("hello, world", 6), o);
  CHECK(*field(r.fields, "x-data-0") == "aGVsbG");
  CHECK(*field(r.fields, "x-data-1") == "8sIHdv");
  CHECK(*field(r.fields, "x-data-2") == "cmxk");
  CHECK((r.body == http_framing{http_framing::kind::length, 0}));
  CHECK(text_in(judge_xhttp(r, o)) == "hello, world");
  o = with_data_in(data_place::cookie, "x_data");
  r = xhttp_request(part_of("hello, world", 6), o);
  CHECK(*field(r.fields, "cookie") == "x_data_0=aGVsbG; x_data_1=8sIHdv; x_data_2=cmxk");
  CHECK(text_in(judge_xhttp(r, o)) == "hello, world");
  CHECK(*field(xhttp_answer(r, purpose::post, o, 3), "cache-control") == "no-store");
  CHECK(*field(xhttp_answer(r, purpose::post, o, 3), "access-control-allow-credentials") == "true");
  CHECK(text_in(judge_xhttp(xhttp_request(part_of(""), o), o)) == "");
  CHECK(judge_xhttp(xhttp_request(part_of(""), o), o).what == purpose::post);
}

TEST_CASE("xhttp: a server that takes parts anywhere joins them in Xray's order", "[proxy][xhttp]") {
  const xhttp_options o = at("/up");
  http_request r = post("/up/s/7");
  r.fields.push_back({"x-data-1", "bA"});
  r.fields.push_back({"Cookie", "X-Data_1=ZA; X-Data_0=d29y"});
  r.fields.push_back({"X-DATA-0", "aGVs"});
  r.fields.push_back({"x-data-3", "never"});
  const auto v = judge_xhttp(r, o);
  CHECK(v.what == purpose::post);
  CHECK(text_in(v) == "hellword");
}

TEST_CASE("xhttp: a part that stands elsewhere, or is no base64, is refused", "[proxy][xhttp]") {
  const xhttp_options in_field = with_data_in(data_place::header, "X-Data");
  http_request r = post("/up/s/7");
  r.body = {http_framing::kind::length, 5};
  CHECK(judge_xhttp(r, in_field).status == 400);
  CHECK(judge_xhttp(r, with_data_in(data_place::cookie, "x_data")).status == 400);
  CHECK(judge_xhttp(r, with_data_in(data_place::body, "")).what == purpose::post);
  r.body = {http_framing::kind::length, 0};
  r.fields.push_back({"X-Data-0", "a!"});
  CHECK(judge_xhttp(r, in_field).status == 400);
  CHECK(judge_xhttp(r, at("/up")).status == 400);
  CHECK(judge_xhttp(r, with_data_in(data_place::body, "")).data.empty());
  r.fields.back().value = "a";  // 6 bits
  CHECK(judge_xhttp(r, in_field).status == 400);
}

TEST_CASE("xhttp: a part in a head has the limit of all parts", "[proxy][xhttp]") {
  xhttp_options o = at("/up");
  o.post_bytes = {10, 10};
  http_request r = post("/up/s/7");
  r.fields.push_back({"X-Data-0", "aGVsbG8"});
  r.body = {http_framing::kind::length, 5};
  CHECK(judge_xhttp(r, o).what == purpose::post);
  r.body.length = 6;
  CHECK(judge_xhttp(r, o).status == 413);
  r.body.length = UINT64_MAX;
  CHECK(judge_xhttp(r, o).status == 413);
}

TEST_CASE("xhttp: parts of any size come through fields and cookies of any size", "[proxy][xhttp]") {
  std::minstd_rand random(1);
  for (const data_place where : {data_place::header, data_place::cookie}) {
    const xhttp_options o = with_data_in(where, "k");
    for (int i = 0; i < 200; ++i) {
      std::string data(random() % 1000, ' ');
      for (char& c : data) c = static_cast<char>(random());
      const auto v = judge_xhttp(xhttp_request(part_of(data, 1 + random() % 500), o), o);
      CHECK(text_in(v) == data);
    }
  }
}

TEST_CASE("xhttp: a head with the largest part is within the limit of servers", "[proxy][xhttp]") {
  for (const data_place where : {data_place::header, data_place::cookie})
    for (const std::size_t head : {1024U, 4096U, 8192U, 65536U})
      for (const std::uint32_t chunk : {64U, 500U, 3000U, 65536U}) {
        xhttp_options o = with_data_in(where, "x_data");
        o.head_bytes = head;
        o.data_chunk = {chunk, chunk};
        o.fields = {{"X-More", std::string(100, 'm')}};
        const std::string data(most_data_in_head(o), 'd');
        INFO(head << " " << chunk << " " << data.size());
        CHECK(data.size() >= 60);
        xhttp_question q = part_of(data, chunk);
        q.padding = o.padding.most;
        const http_request r = xhttp_request(q, o);
        CHECK(r.fields.size() <= 210);
        if (head > 2500) CHECK(head_size(r) + 32 * r.fields.size() <= head);
      }
}

}  // namespace xhttp_test
