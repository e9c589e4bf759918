"""Imports run one way. Proved in fresh processes by what is loaded, and in the sources by who names Dask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules_loaded_by(package: str) -> set[str]:
    """Import every module of a package in a new process and return the names in its ``sys.modules``."""
    code = f"""
import importlib, importlib.util, pkgutil, sys
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("_triton") or importlib.util.find_spec("triton"):  # torch for CUDA alone brings it
        importlib.import_module(module.name)
print("\\n".join(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def loaded_part(modules: set[str], *names: str) -> set[str]:
    return {m for m in modules if any(m == name or m.startswith(name + ".") for name in names)}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("extract", ("zarr", "torch", "videotx.pipeline", "videotx.datasets", "videotx.models")),
        ("pipeline", ("torch", "videotx.datasets", "videotx.models")),
        ("datasets", ("videotx.extract", "videotx.models")),
        ("models", ("av", "zarr", "videotx.extract", "videotx.pipeline", "videotx.datasets")),
    ],
)
def test_a_package_loads_nothing_beyond_its_arrows(package: str, forbidden: tuple[str, ...]) -> None:
    assert not loaded_part(modules_loaded_by(f"videotx.{package}"), *forbidden, "dask", "distributed")


def test_datasets_take_from_the_pipeline_its_format_alone() -> None:
    pipeline = loaded_part(modules_loaded_by("videotx.datasets"), "videotx.pipeline")
    parts = {"videotx.pipeline", "videotx.pipeline.store", "videotx.pipeline.jpeg", "videotx.pipeline._jpeg"}
    assert pipeline <= parts


def test_decoding_processes_start_without_zarr() -> None:
    code = "import sys, videotx.pipeline.decoder; print([m for m in ('zarr', 'dask', 'torch') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from click.testing import CliRunner
from videotx.cli import main
assert CliRunner().invoke(main, ["extract", "--help"]).exit_code == 0
print([m for m in ("numpy", "torch", "av", "zarr", "dask") if m in sys.modules])
"""
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_dask_is_named_in_one_file() -> None:
    sources = [p for part in ("extract", "pipeline", "datasets", "models") for p in (ROOT / part).glob("**/*.py")]
    naming = [p.relative_to(ROOT).as_posix() for p in [*sources, *ROOT.glob("cli*.py")] if names_dask(p)]
    assert naming == ["pipeline/executors.py"]


def names_dask(path: Path) -> bool:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return any(
        len(words) > 1 and words[0] in ("import", "from") and words[1].split(".")[0] in ("dask", "distributed")
        for words in lines
    )
