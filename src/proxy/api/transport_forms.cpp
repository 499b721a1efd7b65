#include "proxy/api/transport_forms.hpp"

namespace muxpro::proxy {

namespace {

using ff = field_form;

// --- sockets

constexpr std::string_view tproxy_modes[] = {"off", "tproxy", "redirect"};
constexpr message_field eyeballs_fields[] = {{1, "prioritizeIPv6", ff::flag},
                                             {2, "interleave", ff::number},
                                             {3, "tryDelayMs", ff::number},
                                             {4, "maxConcurrentTry", ff::number}};
constexpr message_form eyeballs{"HappyEyeballsConfig", eyeballs_fields};
constexpr message_field socket_fields[] = {
    {1, "mark", ff::number},
    {2, "tcpFastOpen", ff::number},
    {3, "tproxy", ff::choice, false, nullptr, tproxy_modes},
    {7, "acceptProxyProtocol", ff::flag},
    {8, "domainStrategy", ff::choice, false, nullptr, address_strategies},
    {9, "dialerProxy"},
    {10, "tcpKeepAliveInterval", ff::number},
    {11, "tcpKeepAliveIdle", ff::number},
    {12, "tcpCongestion"},
    {13, "interface"},
    {14, "v6only", ff::flag},
    {15, "tcpWindowClamp", ff::number},
    {16, "tcpUserTimeout", ff::number},
    {17, "tcpMaxSeg", ff::number},
    {19, "tcpMptcp", ff::flag},
    {22, "happyEyeballs", ff::object, false, &eyeballs},
    {23, "trustedXForwardedFor", ff::text, true}};
constexpr message_form socket_form{"xray.transport.internet.SocketConfig", socket_fields};

// --- layers

constexpr message_field raw_fields[] = {{2, "header", ff::typed}, {3, "acceptProxyProtocol", ff::flag}};
constexpr message_field upgrade_fields[] = {{1, "host"},
                                            {2, "path"},
                                            {3, "headers", ff::pairs},
                                            {4, "acceptProxyProtocol", ff::flag},
                                            {5, "ed", ff::number},
                                            {6, "heartbeatPeriod", ff::number}};
constexpr message_field grpc_fields[] = {{1, "authority"},
                                         {2, "serviceName"},
                                         {3, "multiMode", ff::flag},
                                         {4, "idle_timeout", ff::number},
                                         {5, "health_check_timeout", ff::number},
                                         {6, "permit_without_stream", ff::flag},
                                         {7, "initial_windows_size", ff::number},
                                         {8, "user_agent"}};
constexpr std::string_view certificate_uses[] = {"encipherment", "verify"};
// The client of the API has read the files, whose names are those of its machine.
constexpr message_field certificate_fields[] = {
    {1, "certificate"},   {2, "key"},           {3, "usage", ff::choice, false, nullptr, certificate_uses},
    {4, "", ff::ignored}, {5, "", ff::ignored}, {6, "", ff::ignored},
    {7, "", ff::ignored}};
constexpr message_form certificate_form{"xray.transport.internet.tls.Certificate", certificate_fields};
constexpr message_field tls_fields[] = {{1, "allowInsecure", ff::flag},
                                        {2, "certificates", ff::object, true, &certificate_form},
                                        {3, "serverName"},
                                        {4, "alpn", ff::text, true},
                                        {5, "enableSessionResumption", ff::flag},
                                        {6, "disableSystemRoot", ff::flag},
                                        {7, "minVersion"},
                                        {8, "maxVersion"},
                                        {9, "cipherSuites"},
                                        {11, "fingerprint"},
                                        {12, "rejectUnknownSni", ff::flag},
                                        {15, "masterKeyLog"},
                                        {16, "curvePreferences", ff::text, true},
                                        {17, "verifyPeerCertByName", ff::text, true}};
constexpr message_field limit_fields[] = {
    {1, "afterBytes", ff::number}, {2, "bytesPerSec", ff::number}, {3, "burstBytesPerSec", ff::number}};
constexpr message_form limit_form{"xray.transport.internet.reality.LimitFallback", limit_fields};
constexpr message_field reality_fields[] = {{1, "", ff::ignored},
                                            {2, "target"},
                                            {3, "", ff::ignored},
                                            {4, "xver", ff::number},
                                            {5, "serverNames", ff::text, true},
                                            {6, "privateKey", ff::base64},
                                            {7, "minClientVer", ff::version},
                                            {8, "maxClientVer", ff::version},
                                            {9, "maxTimeDiff", ff::number},
                                            {10, "shortIds", ff::hex, true},
                                            {12, "limitFallbackUpload", ff::object, false, &limit_form},
                                            {13, "limitFallbackDownload", ff::object, false, &limit_form},
                                            {21, "fingerprint"},
                                            {22, "serverName"},
                                            {23, "publicKey", ff::base64},
                                            {24, "shortId", ff::hex},
                                            {26, "spiderX"},
                                            {27, "", ff::ignored},
                                            {31, "", ff::ignored}};

constexpr message_field xmux_fields[] = {
    {1, "maxConcurrency", ff::range},   {2, "maxConnections", ff::range},
    {3, "cMaxReuseTimes", ff::range},   {4, "hMaxRequestTimes", ff::range},
    {5, "hMaxReusableSecs", ff::range}, {6, "hKeepAlivePeriod", ff::number}};
constexpr message_form xmux_form{"xray.transport.internet.splithttp.XmuxConfig", xmux_fields};
constexpr message_field xhttp_fields[] = {{1, "host"},
                                          {2, "path"},
                                          {3, "mode"},
                                          {4, "headers", ff::pairs},
                                          {5, "xPaddingBytes", ff::range},
                                          {6, "noGRPCHeader", ff::flag},
                                          {7, "noSSEHeader", ff::flag},
                                          {8, "scMaxEachPostBytes", ff::range},
                                          {9, "scMinPostsIntervalMs", ff::range},
                                          {10, "scMaxBufferedPosts", ff::number},
                                          {11, "scStreamUpServerSecs", ff::range},
                                          {12, "xmux", ff::object, false, &xmux_form},
                                          {14, "xPaddingObfsMode", ff::flag},
                                          {15, "xPaddingKey"},
                                          {16, "xPaddingHeader"},
                                          {17, "xPaddingPlacement"},
                                          {18, "xPaddingMethod"},
                                          {19, "uplinkHTTPMethod"},
                                          {20, "sessionIDPlacement"},
                                          {21, "sessionIDKey"},
                                          {22, "seqPlacement"},
                                          {23, "seqKey"},
                                          {24, "uplinkDataPlacement"},
                                          {25, "uplinkDataKey"},
                                          {26, "uplinkChunkSize", ff::range},
                                          {27, "serverMaxHeaderBytes", ff::number},
                                          {28, "sessionIDTable"},
                                          {29, "sessionIDLength", ff::range}};
constexpr message_form raw_form{"xray.transport.internet.tcp.Config", raw_fields};
constexpr message_form no_header{"xray.transport.internet.headers.noop.ConnectionConfig", {}};
constexpr message_form websocket_form{"xray.transport.internet.websocket.Config", upgrade_fields};
constexpr message_form upgrade_form{"xray.transport.internet.httpupgrade.Config", upgrade_fields};
constexpr message_form xhttp_form{"xray.transport.internet.splithttp.Config", xhttp_fields};
constexpr message_form grpc_form{"xray.transport.internet.grpc.encoding.Config", grpc_fields};
constexpr message_form tls_form{"xray.transport.internet.tls.Config", tls_fields};
constexpr message_form reality_form{"xray.transport.internet.reality.Config", reality_fields};

constexpr message_field carrier_fields[] = {{2, "", ff::typed}, {3, "", ff::ignored}};
constexpr message_form carrier_form{"xray.transport.internet.TransportConfig", carrier_fields};
// Field 3 repeats the type of the security's settings.
constexpr message_field stream_fields[] = {{5, "network"},
                                           {2, "", ff::object, false, &carrier_form},
                                           {3, "", ff::ignored},
                                           {4, "", ff::typed},
                                           {6, "sockopt", ff::object, false, &socket_form}};
constexpr message_form stream_form{"xray.transport.internet.StreamConfig", stream_fields};

// --- both ends

constexpr message_field sniffing_fields[] = {{1, "enabled", ff::flag},
                                             {2, "destOverride", ff::text, true},
                                             {3, "domainsExcluded", ff::text, true},
                                             {4, "metadataOnly", ff::flag},
                                             {5, "routeOnly", ff::flag}};
constexpr message_form sniffing_form{"xray.app.proxyman.SniffingConfig", sniffing_fields};
constexpr message_field receiver_fields[] = {{1, "port", ff::ports},
                                             {2, "listen", ff::address},
                                             {3, "streamSettings", ff::object, false, &stream_form},
                                             {4, "", ff::ignored},
                                             {6, "sniffing", ff::object, false, &sniffing_form}};
constexpr message_field mux_fields[] = {{1, "enabled", ff::flag},
                                        {2, "concurrency", ff::number},
                                        {3, "xudpConcurrency", ff::number},
                                        {4, "xudpProxyUDP443"}};
constexpr message_form mux_form{"xray.app.proxyman.MultiplexingConfig", mux_fields};
constexpr message_field sender_fields[] = {
    {1, "sendThrough", ff::address},
    {2, "streamSettings", ff::object, false, &stream_form},
    {4, "mux", ff::object, false, &mux_form},
    {6, "targetStrategy", ff::choice, false, nullptr, address_strategies}};
constexpr message_form receiver_form{"xray.app.proxyman.ReceiverConfig", receiver_fields};
constexpr message_form sender_form{"xray.app.proxyman.SenderConfig", sender_fields};

constexpr typed_message all_transport_messages[] = {
    {&receiver_form},
    {&sender_form},
    {&raw_form, "tcpSettings"},
    {&no_header, "", "type", "none"},
    {&websocket_form, "wsSettings"},
    {&upgrade_form, "httpupgradeSettings"},
    {&grpc_form, "grpcSettings"},
    {&xhttp_form, "xhttpSettings"},
    {&tls_form, "tlsSettings", "security", "tls"},
    {&reality_form, "realitySettings", "security", "reality"}};

}  // namespace

std::span<const typed_message> transport_messages() { return all_transport_messages; }

}  // namespace muxpro::proxy
