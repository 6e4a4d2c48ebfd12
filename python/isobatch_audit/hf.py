"""Hugging Face transformers as an engine under test: model.generate() on padded batches."""

from .protocol import Engine, Start, serve


def make(start: Start) -> Engine:
    # What is imported here may print, which serve() keeps out of the answers.
    from .hf_engine import HfEngine

    return HfEngine(start)


if __name__ == "__main__":
    serve(make)
