# Dependencies of the kernel tests without libraries of the target machine: packages that are headers only, and
# GoogleTest from its sources. /usr/include itself must not be searched, it holds the build machine's libc.
set(headers ${CMAKE_BINARY_DIR}/header_packages)
file(MAKE_DIRECTORY ${headers})
foreach(package fmt hwy)
  file(CREATE_LINK /usr/include/${package} ${headers}/${package} SYMBOLIC)
endforeach()
include_directories(SYSTEM ${headers})

add_library(fmt::fmt INTERFACE IMPORTED)
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
