# Run by CMake at build time: writes a C++ source with the contents of files.
#   OUTPUT   the source, which defines embedded_files() of src/audit/engines/embedded_files.h
#   ROOT     folder that names are relative to
#   FILES    names, with | between them
string(REPLACE "|" ";" names "${FILES}")
set(entries "")
set(contents "")
foreach(name ${names})
  file(READ "${ROOT}/${name}" content)
  string(APPEND contents "${name}\n${content}")
  string(APPEND entries "    {\"${name}\", R\"__file__(${content})__file__\"},\n")
endforeach()
string(SHA256 hash "${contents}")
string(SUBSTRING "${hash}" 0 16 hash)
file(WRITE "${OUTPUT}" "#include \"audit/engines/embedded_files.h\"

namespace isobatch::audit {

std::span<const EmbeddedFile> embedded_files() {
  static constexpr EmbeddedFile kFiles[] = {
${entries}  };
  return kFiles;
}

std::string_view embedded_hash() { return \"${hash}\"; }

}  // namespace isobatch::audit
")
