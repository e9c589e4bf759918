"""The child of :mod:`videotx.pipeline.isolation`: answers requests on a pipe until its parent is gone.

Run as ``python -m videotx.pipeline.decoder DESCRIPTOR PARENT``. It imports no zarr and no dask, to start quickly.
"""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import Any

from videotx.extract.errors import VideoError
from videotx.pipeline.die_with import die_with
from videotx.pipeline.encode import encode_video, probe_video
from videotx.pipeline.isolation import Failure, Request


def answer(connection: Connection[Any, Any], request: Request) -> None:
    """Send what a request asks for, or why it cannot be had."""
    try:
        if request.expected is None:
            connection.send(probe_video(request.path, request.recipe))
            return
        for item in encode_video(request.path, request.recipe, request.expected, request.segment):
            connection.send(item)
    except VideoError as error:
        connection.send(Failure(error.code, error.message))
    except ConnectionError:
        raise
    except Exception as error:  # whatever a damaged file provokes is that file's failure, recorded by its type
        connection.send(Failure("unexpected_error", f"{type(error).__name__}: {error}"))


def serve(descriptor: int, parent: int) -> None:
    """Answer requests until the other end is closed."""
    die_with(parent)
    with Connection(descriptor) as connection:
        connection.send("ready")
        while True:
            try:
                request: Request = connection.recv()
            except EOFError:
                return
            answer(connection, request)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
