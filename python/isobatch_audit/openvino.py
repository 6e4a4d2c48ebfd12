"""OpenVINO GenAI as an engine under test: its continuous batching."""

from .protocol import Engine, Start, serve


def make(start: Start) -> Engine:
    # What is imported here may print, which serve() keeps out of the answers.
    from .openvino_engine import OpenVinoEngine

    return OpenVinoEngine(start)


if __name__ == "__main__":
    serve(make)
