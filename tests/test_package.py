"""The installed package: importable, versioned, light."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

import videotx
from videotx.cli import main


def test_version_is_printed() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert videotx.__version__ in result.output


def test_importing_videotx_imports_nothing_heavy() -> None:
    code = "import sys, videotx; print([m for m in ('numpy', 'torch', 'av', 'zarr', 'dask') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
