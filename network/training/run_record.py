"""``run.json``: what a run was started with, and each time that it was resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from network.experiment import Experiment
from network.experiment.provenance import now
from network.files.writing import write_json
from network.training.loggers import new_log_folder

RUN_RECORD = "run.json"


class RunRecord:
    """The record of a run, read when it goes on and begun anew otherwise.

    Attributes:
        run: dataset/name.
        log_folder: of this run, the same each time it is resumed.
        started: date of its first start.
    """

    def __init__(self, path: Path, run: str, content: dict[str, Any]) -> None:
        self.path = path
        self.run = run
        self.content = content
        self.log_folder = Path(content["log"]) if content else new_log_folder(run)
        self.started = content.get("date") or now()

    @classmethod
    def begin(cls, folder: Path, run: str, goes_on: bool) -> RunRecord:
        """The record in a run's folder where the run goes on, else a new one."""
        content = {}
        if goes_on:
            try:
                content = json.loads((folder / RUN_RECORD).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                content = {}
            if not isinstance(content, dict) or not isinstance(content.get("log"), str):
                content = {}
        return cls(folder / RUN_RECORD, run, content)

    def write(
        self, provenance: dict[str, Any], experiment: Experiment, checkpoint: Path | None, step: int
    ) -> None:
        """Write the record; of a resumed run what it was started with stays.

        Args:
            provenance: of this start.
            experiment: its config.
            checkpoint: from which it goes on.
            step: of that checkpoint.

        Raises:
            OutputError: it cannot be written.
        """
        before = self.content.get("settings", {})
        if checkpoint is None or not self.content:
            text = experiment.config_path.read_text(encoding="utf-8")
            self.content = {"log": str(self.log_folder)} | provenance
            self.content |= {"date": self.started, "config_text": text}
        if checkpoint is not None:
            changes = {
                name: [before[name], now]
                for name, now in provenance["settings"].items()
                if before.get(name, now) != now
            }
            for name, (old, new) in changes.items():
                print(f"{name} was {old}, is {new} from here on")
            resumed = {"from": str(checkpoint), "step": step, "changed": changes} | provenance
            del resumed["settings"]
            self.content["resumed"] = [*self.content.get("resumed", []), resumed]
        write_json(self.path, self.content)
