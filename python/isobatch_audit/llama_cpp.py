"""llama.cpp as an engine under test: several sequences in one context, by the C API of llama-cpp-python."""

from .protocol import Engine, Start, serve


def make(start: Start) -> Engine:
    # What is imported here may print, which serve() keeps out of the answers.
    from .llama_cpp_engine import LlamaCppEngine

    return LlamaCppEngine(start)


if __name__ == "__main__":
    serve(make)
