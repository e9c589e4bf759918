"""What the tests share: the folder of real material beside the project, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_path(*parts: str) -> Path:
    """A path of the material beside the project; skips the test, and says so, where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs ../shared/{'/'.join(parts)}, which is not here")
    return path


@pytest.fixture(scope="session")
def shared_videos() -> Path:
    """The folder of real video files."""
    return shared_path("videos")


@pytest.fixture(scope="session")
def shared_truth() -> Path:
    """The folder of ground-truth dumps."""
    return shared_path("truth")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """The folder of model parity fixtures."""
    return shared_path("reference")
