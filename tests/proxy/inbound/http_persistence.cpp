// Connections of HTTP clients that carry more than one request, and the answers that end them.
#include "http_origins.hpp"

#include <deque>
#include <memory>
#include <string_view>

namespace {

using namespace http_origins;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string last = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast";

/// Two requests, the first of which is answered so.
std::string two(std::string request, std::string answer) {
  return reply({answers_each({answer, last}), answers_each({last})}, request + get("2"));
}

}  // namespace

TEST_CASE("http: a second request behind each kind of answer is answered", "[proxy][http]") {
  const std::string head = "HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string& answer :
       {ok, "HTTP/1.1 204 No Content\r\n\r\n"s,
        "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 70\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok}) {
    CAPTURE(answer);
    CHECK(two(get("1"), answer) == answer + last + "|");
  }
  CHECK(two(get("1"), "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok") ==
        ok + last + "|");
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"})
    CHECK(two(head, answer) == answer + last + "|");
}

TEST_CASE("http: bytes behind an answer reach no client", "[proxy][http][smuggling]") {
  const std::string splitting = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
  CHECK(two(get("1"), ok + splitting) == ok + last + "|");
  CHECK(two(get("1"), "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil") ==
        "HTTP/1.1 204 No Content\r\n\r\n" + last + "|");
  CHECK(two("HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", ok) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + last + "|");
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  CHECK(two(get("1"), chunks + splitting) == chunks + last + "|");
}

TEST_CASE("http: pipelined requests are answered in order", "[proxy][http]") {
  std::string requests, answers;
  const auto all = std::make_shared<std::deque<std::string>>();
  for (int i = 0; i < 5; ++i) {
    const std::string answer = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}", i);
    all->push_back(answer);
    requests += i % 2 ? get("x") : "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n";
    answers += answer;
  }
  CHECK(reply(std::vector<origin::script>(5, answers_from(all)), requests) == answers + "|");
}

TEST_CASE("http: the client requests the end of its connection", "[proxy][http]") {
  std::string heard;
  const std::string closing = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok|";
  CHECK(reply({answers_one(ok, heard)}, get("1", "Connection: close\r\n"), false) == closing);
  CHECK(reply({answers_one(ok, heard)}, get("1", "Proxy-Connection: close\r\n"), false) == closing);
  CHECK(reply({answers_one(ok, heard)}, "GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false) ==
        closing);
}

TEST_CASE("http: an answer without a length ends with the client's connection", "[proxy][http]") {
  const std::string head = "HTTP/1.1 200 OK\r\n", closing = head + "Connection: close\r\n\r\n";
  CHECK(reply({answers_and_ends(head + "\r\nhello")}, get("1") + get("2"), false) == closing + "hello|");
  CHECK(reply({answers_and_ends("HTTP/1.0 200 OK\r\n\r\n")}, get("1"), false) == closing + "|");
  const auto cut = [&](pipe_end& link) -> asio::awaitable<void> {
    co_await read_head(link);
    co_await write(link, head + "\r\nhello");
    for (int i = 0; i < 20; ++i) co_await asio::post(link.get_executor(), asio::use_awaitable);
  };
  CHECK(reply({cut}, get("1"), false) == closing + "hello!");
}

TEST_CASE("http: an HTTP/1.0 client gets the content of chunks", "[proxy][http]") {
  std::string heard;
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: "
      "X\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nX: 1\r\n\r\n";
  const std::string request = "GET http://a/ HTTP/1.0\r\n\r\n";
  CHECK(reply({answers_one("HTTP/1.1 103 Early Hints\r\n\r\n" + chunked, heard)}, request, false) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello|");
  CHECK(reply({answers_and_ends(chunked.substr(0, chunked.size() - 2))}, request, false) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello!");
}

TEST_CASE("http: a short answer is cut, and so is a malformed one", "[proxy][http]") {
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
  for (const std::string& answer : {ok.substr(0, ok.size() - 1), chunks, chunks + "0\r\n"})
    CHECK(reply({answers_and_ends(answer)}, get("1") + get("2"), false) == answer + "!");
  for (const char* bad : {"2\r\nokay\r\n", "x\r\n", "2\nok", "-1\r\n"}) {
    std::string heard;
    CHECK_THAT(reply({answers_one(chunks + bad, heard)}, get("1"), false),
               StartsWith(chunks) && EndsWith("!"));
  }
}

TEST_CASE("http: an answer whose head has two readings is a 502", "[proxy][http][smuggling]") {
  for (const std::string& answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 2\r\n\r\nok"s,
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"s,
        "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok"s, "SSH-2.0-OpenSSH_9.2\r\n"s,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nX: " + std::string(70000, 'x')}) {
    std::string heard;
    CAPTURE(answer.substr(0, 100));
    CHECK_THAT(reply({answers_one(answer, heard)}, get("1"), false),
               StartsWith("HTTP/1.1 502 ") && ContainsSubstring("Connection: close") && EndsWith("\n|"));
    CHECK_THAT(heard, EndsWith("!"));
  }
  std::string interim, heard;
  for (int i = 0; i < 4000; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  CHECK_THAT(reply({answers_one(interim + ok, heard)}, get("1"), false), ContainsSubstring("HTTP/1.1 502 "));
}

TEST_CASE("http: the limits of a head hold for requests and for answers", "[proxy][http]") {
  http_inbound_options o;
  o.head = {200, 3};
  std::string heard;
  CHECK_THAT(reply({answers_one(ok, heard)}, get("1", "A: 1\r\nB: 2\r\n"), true, o), StartsWith(ok));
  CHECK_THAT(reply({answers_one(ok, heard)}, get("1", "A: 1\r\nB: 2\r\nC: 3\r\n"), true, o),
             StartsWith("HTTP/1.1 431 "));
  CHECK_THAT(reply({answers_one("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", heard)}, get("1"),
                   true, o),
             StartsWith("HTTP/1.1 502 "));
  CHECK_THAT(reply({answers_one(ok, heard)}, get(std::string(200, 'x')), true, o),
             StartsWith("HTTP/1.1 431 "));
}

TEST_CASE("http: an answer that comes before the end of the body is the last one", "[proxy][http]") {
  const std::string post = "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegin";
  const std::string too_large = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n";
  std::string heard;
  CHECK(reply({answers_one(too_large + "\r\nno!", heard)}, post, false) ==
        too_large + "Connection: close\r\n\r\nno!|");
  CHECK_THAT(heard, EndsWith("begin!"));
}

TEST_CASE("http: a body goes on while its answer comes", "[proxy][http]") {
  bench b{http_inbound({})};
  std::string rest;
  b.to.add("origin", std::make_shared<origin>(
                         std::vector<origin::script>{[&rest](pipe_end& link) -> asio::awaitable<void> {
                           co_await read_head(link);
                           co_await write(link, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfirst");
                           rest = co_await read(link, 5);
                           co_await write(link, "!");
                           co_await read_all(link);
                         }}));
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n";
    co_await write(x.client, "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    const std::string first = co_await read(x.client, head.size() + 5);
    CHECK(first == head + "first");
    co_await write(x.client, "hello");
    const std::string end = co_await read_all(x.client);
    CHECK(end == "!|");
  });
  CHECK(rest == "hello");
}

TEST_CASE("http: a client that expects 100 gets it before it sends its body", "[proxy][http]") {
  bench b{http_inbound({})};
  std::string body;
  b.to.add("origin", std::make_shared<origin>(
                         std::vector<origin::script>{[&body](pipe_end& link) -> asio::awaitable<void> {
                           co_await read_head(link);
                           co_await write(link, "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n");
                           body = co_await read(link, 5);
                           co_await write(link, ok);
                           co_await read_all(link);
                         }}));
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string interim = "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n";
    co_await write(x.client,
                   "PUT http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    const std::string first = co_await read(x.client, interim.size());
    CHECK(first == interim);
    co_await write(x.client, "hello");
    const std::string answer = co_await read(x.client, ok.size());
    CHECK(answer == ok);
  });
  CHECK(body == "hello");
}

TEST_CASE("http: an upgrade to any protocol is carried, also behind a body", "[proxy][http]") {
  for (const char* protocol : {"tcp", "SPDY/3.1", "websocket"}) {
    bench b{http_inbound({})};
    const std::string agreed =
        fmt::format("HTTP/1.1 101 UPGRADED\r\nUpgrade: {}\r\nConnection: Upgrade\r\n\r\n", protocol);
    std::string head;
    b.to.add("origin", std::make_shared<origin>(
                           std::vector<origin::script>{[&](pipe_end& link) -> asio::awaitable<void> {
                             head = co_await read_head(link);
                             head += co_await read(link, 2);
                             co_await write(link, agreed + "first");
                             const std::string line = co_await read(link, 3);
                             co_await write(link, "<" + line + ">");
                             co_await read_all(link);
                             co_await link.async_shutdown(as_result);
                           }}));
    const auto talk = [&]() -> asio::awaitable<void> {
      co_await write(b.client,
                     fmt::format("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nUpgrade: "
                                 "{}\r\nConnection: Upgrade\r\n\r\n{{}}",
                                 protocol));
      const std::string first = co_await read(b.client, agreed.size() + 5);
      CHECK(first == agreed + "first");
      co_await write(b.client, "ls\n");
      const std::string second = co_await read(b.client, 5);
      CHECK(second == "<ls\n>");
      co_await b.client.async_shutdown(as_result);
      const std::string end = co_await read_all(b.client);
      CHECK(end == "|");
    };
    b.run(talk());
    CHECK(head == fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nUpgrade: {}\r\nConnection: "
                              "Upgrade\r\n\r\n{{}}",
                              protocol));
  }
}

TEST_CASE("http: each request of a connection has to name its user", "[proxy][http]") {
  http_inbound_options o;
  o.users.add("alice", "secret");
  std::string heard;
  const std::string alice = get("1", "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n");
  CHECK_THAT(reply({answers_one(ok, heard), answers_one(ok, heard)}, alice + get("2"), false, o),
             StartsWith(ok + "HTTP/1.1 407 ") && EndsWith("|"));
  CHECK_THAT(heard, !ContainsSubstring("GET /2"));
}

TEST_CASE("http: what follows an answer and is no request is refused", "[proxy][http]") {
  std::string heard;
  CHECK_THAT(reply({answers_one(ok, heard)}, get("1") + "\x16\x03\x01", false),
             StartsWith(ok + "HTTP/1.1 400 ") && EndsWith("|"));
}

TEST_CASE("http: a CONNECT may follow a request", "[proxy][http]") {
  std::string heard;
  const auto echo = [](pipe_end& link) -> asio::awaitable<void> {
    const std::string line = co_await read(link, 5);
    co_await write(link, "<" + line + ">");
    co_await link.async_shutdown(as_result);
    co_await read_all(link);
  };
  const std::string connect = "CONNECT b:1 HTTP/1.1\r\nHost: b\r\n\r\n";
  CHECK(reply({answers_one(ok, heard), echo}, get("1") + connect + "hello") ==
        ok + "HTTP/1.1 200 Connection established\r\n\r\n<hello>|");
}

TEST_CASE("http: a client without a further request is closed in good order, a slow one is cut",
          "[proxy][http]") {
  std::string heard;
  http_inbound_options o;
  o.keep_alive = 20ms;
  CHECK(reply({answers_one(ok, heard)}, get("1"), false, o) == ok + "|");
  o.keep_alive = 10s;
  o.handshake = 20ms;
  CHECK(reply({answers_one(ok, heard)}, get("1") + "GET", false, o) == ok + "!");
}

TEST_CASE("http: a whole answer is whole, however its connection ends", "[proxy][http]") {
  const auto resets = [](pipe_end& link) -> asio::awaitable<void> {
    co_await read_head(link);
    co_await write(link, ok);
    link.close();
  };
  std::string heard;
  CHECK(reply({resets, answers_one(last, heard)}, get("1") + get("2")) == ok + last + "|");
}

TEST_CASE("http: a drain closes clients that wait, and lets the others have their answer", "[proxy][http]") {
  const auto drained = [](bool while_it_waits) {
    asio::io_context io;
    const http_inbound in{{}};
    dispatcher to(io.get_executor());
    auto [near, far] = make_pipe(io.get_executor());
    const std::shared_ptr<connection> c = make_connection(std::move(far));
    to.add("origin",
           std::make_shared<origin>(std::vector<origin::script>{[&](pipe_end& link) -> asio::awaitable<void> {
             co_await read_head(link);
             if (!while_it_waits) c->drain();
             co_await write(link, ok);
             co_await read_all(link);
           }}));
    asio::co_spawn(io, in.serve(c, context(), to, {}), [](std::exception_ptr) {});
    std::string heard;
    const auto talk = [&, &client = near]() -> asio::awaitable<void> {
      co_await write(client, get("1"));
      if (while_it_waits) {
        heard = co_await read(client, ok.size());
        c->drain();
      }
      heard += co_await read_all(client);
    };
    test::run(io, talk());
    return heard;
  };
  CHECK(drained(true) == ok + "|");
  CHECK(drained(false) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok|");
}
