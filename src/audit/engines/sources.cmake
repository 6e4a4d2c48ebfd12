# Engines under test, and python/ as a source file. Sets engine_sources.
set(python_files
  isobatch_audit/__init__.py isobatch_audit/hf.py isobatch_audit/hf_engine.py isobatch_audit/hf_model.py
  isobatch_audit/hf_trace.py isobatch_audit/llama_cpp.py isobatch_audit/llama_cpp_engine.py
  isobatch_audit/llama_cpp_model.py isobatch_audit/openvino.py isobatch_audit/openvino_engine.py
  isobatch_audit/protocol.py requirements-hf.txt requirements-llama.cpp.txt requirements-openvino.txt)
list(JOIN python_files "|" python_list)
list(TRANSFORM python_files PREPEND ${CMAKE_SOURCE_DIR}/python/)
set(embedded_files ${CMAKE_CURRENT_BINARY_DIR}/embedded_files.cc)
add_custom_command(
  OUTPUT ${embedded_files}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${embedded_files} -DROOT=${CMAKE_SOURCE_DIR}/python "-DFILES=${python_list}"
          -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
  DEPENDS ${python_files} ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
  VERBATIM)
set(engine_sources
  engines/child_engine.cc engines/child_process.cc engines/child_protocol.cc engines/http_service.cc
  engines/isobatch_engine.cc engines/tokenize.cc engines/tracing_transformer.cc engines/make_engine.cc engines/openai_engine.cc engines/python_environment.cc ${embedded_files})
