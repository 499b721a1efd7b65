# The rules of the proxy: what sees no socket, no executor and no clock. Tests and fuzz targets build them alone.
find_package(OpenSSL REQUIRED)
find_package(Re2 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

set(muxpro_rule_sources
    accounts dial_outcome dial_policy http_answer http_body http_request http_rewrite http_upgrade nat_table socks
    socks_client socks_wire stream_socket transports/tls_options)
list(TRANSFORM muxpro_rule_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM muxpro_rule_sources APPEND .cpp)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/sniffers/*.cpp
     ${CMAKE_CURRENT_LIST_DIR}/routing/*.cpp ${CMAKE_CURRENT_LIST_DIR}/fake_dns/*.cpp
     ${CMAKE_CURRENT_LIST_DIR}/config/*.cpp)
list(APPEND muxpro_rule_sources ${sources})
# Files with short names of their own, which others have too.
set(sources config/outbounds.cpp dial_policy.cpp socks_client.cpp)
list(TRANSFORM sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set_source_files_properties(${sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

set(muxpro_rule_libraries OpenSSL::Crypto re2::re2)
add_library(muxpro_proxy_rules OBJECT ${muxpro_rule_sources})
target_link_libraries(muxpro_proxy_rules PUBLIC muxpro::muxpro
                      PRIVATE ${muxpro_rule_libraries} nlohmann_json::nlohmann_json)
set_target_properties(muxpro_proxy_rules PROPERTIES UNITY_BUILD "${MUXPRO_UNITY}")
if(BUILD_SHARED_LIBS)
  set_target_properties(muxpro_proxy_rules PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()
muxpro_own(muxpro_proxy_rules)
