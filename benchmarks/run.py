"""Measure speed and memory: python benchmarks/run.py [NAME ...]."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.measuring import markdown, table, this_device
from network.complexity.machine import machine_of
from network.freed_memory import keep_freed_memory

BENCHMARKS = (
    "model",
    "peers",
    "hbis",
    "depthwise",
    "data",
    "loading",
    "split",
    "orthophoto",
    "eval",
    "scaling",
    "scenes",
    "gpu",
)


def main() -> None:
    """Read the command line, measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="; ".join(BENCHMARKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write them as a table for documents"
    )
    args = parser.parse_args()
    unknown = set(args.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if not torch.cuda.is_available():
        if "gpu" in args.names:
            sys.exit(f"no GPU: torch {torch.__version__} finds no CUDA device here")
        keep_freed_memory()
    machine = machine_of(this_device())
    print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    found, measured = {}, {}
    for name in args.names or [n for n in BENCHMARKS if n != "gpu" or torch.cuda.is_available()]:
        rows = importlib.import_module(f"benchmarks.{name}").run()
        measured[name] = rows
        found[name] = [row._asdict() for row in rows]
        print(f"\n{name}\n{table(rows)}", flush=True)
        # Each time, so that what was measured stays should a later one fail.
        if args.json:
            _write(args.json, json.dumps({"machine": machine, "figures": found}, indent=2) + "\n")
        if args.markdown:
            _write(args.markdown, markdown(machine, measured))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
