"""Tables and a picture of the runs of `prove_motion.py`.

    python examples/proof_report.py proof

Reads the JSON file of every run in the folder and writes ``results.md`` and ``results.png`` beside them; the latter
needs matplotlib.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import ABLATIONS, CORE, EXPERIMENTS

Runs = Mapping[str, Sequence[dict[str, Any]]]


def read_runs(folder: Path) -> Runs:
    """The runs by experiment, seeds in order."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    runs = defaultdict(list)
    for record in sorted(records, key=lambda record: record["seed"]):
        runs[record["experiment"]].append(record)
    return runs


def write_report(folder: Path) -> None:
    """Write both files; raises ValueError where there are no runs yet."""
    runs = read_runs(folder)
    if not runs:
        raise ValueError(f"{folder}: expected results of runs, found none")
    parts = [table(runs, "core", CORE), table(runs, "ablation", ABLATIONS), fed_table(runs)]
    (folder / "results.md").write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    draw(folder / "results.png", runs)
    print(f"{folder / 'results.md'}, {folder / 'results.png'}")


def table(runs: Runs, title: str, names: Mapping[str, Any]) -> str:
    """Accuracy of the last step: mean, deviation and single seeds, with size and cost.

    Minutes are the processor's on a CPU, whatever else ran beside, and the clock's on a GPU.
    """
    lines = [
        f"| {title} | accuracy % | +- | seeds | parameters | GMAC a clip | minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        found = runs.get(name)
        if not found:
            continue
        values = [run["accuracy"] for run in found]
        seeds = ", ".join(f"{value:.1f}" for value in values)
        minutes = np.mean([run["cpu_seconds" if run["device"] == "cpu" else "seconds"] for run in found]) / 60
        lines.append(
            f"| {name} | {np.mean(values):.1f} | {deviation(values):.1f} | {seeds} "
            f"| {found[0]['num_params']:,} | {found[0]['gmacs']:.3f} | {minutes:.1f} |"
        )
    return "\n".join(lines) if len(lines) > 2 else ""


def fed_table(runs: Runs) -> str:
    """Models that were trained with motion, evaluated with something else in its place."""
    trained = {name: found for name, found in runs.items() if found[0]["accuracy_fed"]}
    if not trained:
        return ""
    feeds = list(next(iter(trained.values()))[0]["accuracy_fed"])
    lines = [f"| trained with motion, evaluated with it | {' | '.join(feeds)} |", f"|---|{'---|' * len(feeds)}"]
    for name in [name for name in EXPERIMENTS if name in trained]:
        means = [np.mean([run["accuracy_fed"][feed] for run in trained[name]]) for feed in feeds]
        lines.append(f"| {name} | {' | '.join(f'{mean:.1f}' for mean in means)} |")
    return "\n".join(lines)


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation; 0 of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def draw(path: Path, runs: Runs) -> None:
    """Accuracy of the core experiments against the step and against the arithmetic spent, a band from seed to seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5), layout="constrained")
    by_step, by_cost = figure.subplots(1, 2, sharey=True)
    for number, name in enumerate(name for name in CORE if name in runs):
        found = runs[name]
        steps = np.array([point[0] for point in found[0]["curve"]])
        values = np.array([[point[2] for point in run["curve"]] for run in found])
        # Three passes' worth of arithmetic: one forward, two backward; a multiply-accumulate is two operations.
        cost = steps * found[0]["training"]["batch_size"] * found[0]["gmacs"] * 2 * 3 / 1e3
        for axes, x in ((by_step, steps), (by_cost, cost)):
            axes.plot(x, values.mean(0), label=name, marker=".", color=f"C{number}")
            axes.fill_between(x, values.min(0), values.max(0), color=f"C{number}", alpha=0.15, linewidth=0)
    chance = 100 / len(next(iter(runs.values()))[0]["confusion"])
    for axes, label in ((by_step, "step"), (by_cost, "TFLOP spent on training")):
        axes.axhline(chance, color="0.6", linestyle=":", label="chance")
        axes.set(xlabel=label, ylim=(0, 100))
        axes.grid(alpha=0.3)
    by_step.set(ylabel="per cent of the evaluation clips")
    by_step.legend(fontsize="small")
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    write_report(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
