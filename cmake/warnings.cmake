# muxpro_own(<target>): how this project compiles its own code, never what it asks of its users.
function(muxpro_own target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_definitions(${target} PRIVATE ASIO_NO_DEPRECATED)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 $<$<BOOL:${MUXPRO_WERROR}>:/WX>)
    return()
  endif()
  target_compile_options(
    ${target}
    PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
            # At -O1 g++ takes the recycling operator new of Asio's coroutine frames for a mismatch.
            $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
            # With optimization g++ 12 takes operator+(const char*, std::string&&) for an overlapping copy.
            $<$<AND:$<CXX_COMPILER_ID:GNU>,$<NOT:$<CONFIG:Debug>>>:-Wno-restrict>
            # Since 13 it warns of a class whose template argument is a hidden function, as inline ones are in the library.
            $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>>:-Wno-attributes>
            # It takes the files inside a unit of a unity build for headers with anonymous namespaces.
            $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${MUXPRO_UNITY}>>:-Wno-subobject-linkage>
            $<$<BOOL:${MUXPRO_WERROR}>:-Werror>)
  # Optimizing a sanitizer's instrumentation is more than half of the time that a file takes. The core and the rules have
  # tests with long loops, fuzz targets and the simulation are one.
  if(MUXPRO_SANITIZE AND NOT MUXPRO_FUZZ AND NOT target MATCHES "^muxpro$|rules|simulation")
    target_compile_options(${target} PRIVATE $<$<CONFIG:Debug>:-O0>)
  endif()
endfunction()
