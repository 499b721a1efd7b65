# MUXPRO_SANITIZE instruments everything below this directory, programs included: half of it would not link.
if(MUXPRO_SANITIZE STREQUAL "address")
  set(muxpro_sanitize_flags -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(MUXPRO_SANITIZE STREQUAL "thread")
  set(muxpro_sanitize_flags -fsanitize=thread)
  # The sanitizer does not see Asio's fences and reports races that are none.
  add_compile_definitions(ASIO_DISABLE_FENCED_BLOCK)
elseif(NOT MUXPRO_SANITIZE STREQUAL "")
  message(FATAL_ERROR "MUXPRO_SANITIZE is '${MUXPRO_SANITIZE}'; it may be empty, address or thread")
endif()

if(MUXPRO_SANITIZE)
  add_compile_options(${muxpro_sanitize_flags} -fno-omit-frame-pointer)
  add_link_options(${muxpro_sanitize_flags})
endif()
