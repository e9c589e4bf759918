"""What is installed: the package `videotx` and its metadata, nothing else at the top level."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_wheel_holds_one_package(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    settings = ["--config-settings", f"build-dir={tmp_path / 'build'}", "--wheel-dir", str(tmp_path)]
    done = subprocess.run([*pip, *settings, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("videotx-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"videotx"}
    assert len(tops) == 2
    for part in (
        "cli.py",
        "cli_demo.py",
        "py.typed",
        "extract/frame.py",
        "pipeline/store.py",
        "datasets/__init__.py",
        "models/__init__.py",
    ):
        assert f"videotx/{part}" in names
    assert any(name.startswith("videotx/extract/_native.") and not name.endswith(".pyi") for name in names)
    assert not [name for name in names if "csrc" in name or "tests" in name]
