# Flags that the contract depends on, and warnings.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# (gcc 12 sees uninitialized values in its own AVX-512 headers.)
# a*b+c is two roundings unless the code says fma.
add_compile_options(-ffp-contract=off -fno-fast-math -Wall -Wextra -Wno-psabi
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(ISOBATCH_SANITIZE)
  add_compile_options(-fsanitize=${ISOBATCH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ISOBATCH_SANITIZE})
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
