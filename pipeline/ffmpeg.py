"""The ffmpeg program: where it is, and whether it is new enough.

videotx decodes through PyAV; only transcoding needs the program. One on the PATH is preferred, since people choose
their builds; the one that ``pip install imageio-ffmpeg`` brings is the second choice.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec

MINIMUM_VERSION = (6, 1)
"""The first release whose ``-enc_time_base demux`` keeps variable frame rates exact."""

REMEDY = "install ffmpeg 6.1 or newer on the PATH, or `pip install imageio-ffmpeg`"


class FfmpegMissingError(FileNotFoundError):
    """No ffmpeg program was found that is new enough; the message says what was found and what to install."""


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An ffmpeg program. ``version`` is (major, minor); ``describe`` is its own version word."""

    path: str
    version: tuple[int, int]
    describe: str


def find_ffmpeg() -> Ffmpeg:
    """The ffmpeg to use.

    Raises:
        FfmpegMissingError: none is there, or none is of :data:`MINIMUM_VERSION` or newer.
    """
    found = []
    for path in _candidates():
        program = identify(path)
        if program.version >= MINIMUM_VERSION:
            return program
        found.append(f"{program.path} is {program.describe}")
    wanted = ".".join(map(str, MINIMUM_VERSION))
    seen = "; ".join(found) if found else "none was found"
    raise FfmpegMissingError(f"transcoding needs ffmpeg {wanted} or newer: {seen}; {REMEDY}")


def identify(path: str) -> Ffmpeg:
    """Run ``path -version`` and read the version.

    Raises:
        FfmpegMissingError: the program does not run, or does not answer like ffmpeg.
    """
    try:
        output = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise FfmpegMissingError(f"{path} does not run as ffmpeg ({error}); {REMEDY}") from error
    # Releases print "7.1", Debian "5.1.6-0+deb12u1", static builds "n7.1-20-g..."; nightlies "N-118000-g..." or a date,
    # which carry no number and are newer than any release that matters here.
    first = re.match(r"ffmpeg version (\S+)", output)
    if first is None:
        raise FfmpegMissingError(f"{path} does not answer like ffmpeg: {output[:60]!r}; {REMEDY}")
    word = first.group(1)
    number = re.match(r"n?(\d{1,2})\.(\d+)", word)
    version = (int(number.group(1)), int(number.group(2))) if number else (99, 0)
    return Ffmpeg(path, version, word)


def _candidates() -> list[str]:
    candidates = [path] if (path := shutil.which("ffmpeg")) else []
    if find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        # A source build of the package carries no program, and says so by raising.
        with contextlib.suppress(RuntimeError):
            candidates.append(imageio_ffmpeg.get_ffmpeg_exe())
    return candidates
