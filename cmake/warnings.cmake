# muxpro_own(<target>): how this project compiles its own code, never what it asks of its users.
function(muxpro_own target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 $<$<BOOL:${MUXPRO_WERROR}>:/WX>)
    return()
  endif()
  target_compile_options(
    ${target}
    PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
            # At -O1 g++ takes the recycling operator new of Asio's coroutine frames for a mismatch.
            $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
            $<$<BOOL:${MUXPRO_WERROR}>:-Werror>)
endfunction()
