"""Stand-in videos: text files that a stand-in decoding process turns into frames, or into trouble."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from videotx.pipeline import isolation
from videotx.pipeline.ffmpeg import Ffmpeg, find_ffmpeg
from videotx.pipeline.isolation import DecoderProcess, Limits
from videotx.pipeline.recipe import Recipe

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_decoder.py")))


@pytest.fixture(scope="session")
def program() -> Ffmpeg:
    return find_ffmpeg()


@pytest.fixture
def plain_recipe() -> Recipe:
    """No residual: the stand-in makes none."""
    return Recipe(streams=("motion", "qp", "rgb"), short_side=32, videos_per_shard=3)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., DecoderProcess]]:
    """Makes decoding processes that read stand-in videos; also replaces the one that workers start."""
    made: list[DecoderProcess] = []

    def make(timeout_seconds: float = 30.0, memory_bytes: int = 1 << 30) -> DecoderProcess:
        made.append(DecoderProcess(Limits(timeout_seconds, memory_bytes), STAND_IN))
        return made[-1]

    monkeypatch.setattr(isolation, "CHILD", STAND_IN)
    yield make
    for decoder in made:
        decoder.close()


@pytest.fixture
def video_tree(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Writes stand-in videos below a folder and returns it."""

    def make(videos: Mapping[str, str]) -> Path:
        root = tmp_path / "source"
        for name, text in videos.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return make
