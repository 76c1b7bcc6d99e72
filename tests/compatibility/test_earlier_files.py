"""What was written before network/ was arranged in packages is still understood.

``first_layout`` holds a config, a checkpoint, a log and the results of a test as commit f622b40
wrote them, trained for two epochs on the images that ``tools/make_demo_data.py`` draws.
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from network.files.images import read_indices
from network.training.read_log import read_log
from tests.conftest import succeed_here as succeed

EARLIER = Path(__file__).parent / "first_layout"
RESULTS = "fig_results/tiny"


@pytest.fixture
def earlier(folder_template, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(EARLIER, root)
    shutil.copytree(folder_template / "data", root / "data")
    return root


def test_a_checkpoint_gives_the_scores_that_it_gave(earlier):
    before = json.loads((earlier / RESULTS / "results.json").read_text())
    succeed(earlier, "test.py", "-c", "tiny.py", "-o", "again", "-t", "lr")
    after = json.loads((earlier / "again/results.json").read_text())
    assert after["checkpoint"]["sha256"] == before["checkpoint"]["sha256"]
    for old, new in zip(before["scores"], after["scores"], strict=True):
        moved = np.abs(np.array(old["confusion"]) - new["confusion"]).sum()
        assert moved <= 0.002 * old["pixels"]  # processors round differently
        assert new["pixels"] == old["pixels"]
    for path in (earlier / RESULTS / "masks").iterdir():
        again = read_indices(earlier / "again/masks" / path.name)
        assert (again != read_indices(path)).mean() <= 0.002


def test_a_run_is_resumed_from_a_checkpoint(earlier):
    folder = earlier / "model_weights/own/tiny"
    (folder / "best.ckpt").rename(folder / "last.ckpt")
    result = succeed(earlier, "train.py", "-c", "tiny.py", "--resume", "auto", "max_epoch=3")
    assert "going on from step 4" in result.out
    with (earlier / "lightning_logs/own/tiny/version_0/metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (EARLIER / "lightning_logs/own/tiny/version_0/metrics.csv").open(newline="") as file:
        assert [row["train_total"] for row in csv.DictReader(file)] == [
            row["train_total"] for row in rows[:2]
        ]
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert rows[1]["val_fisher"] and not rows[2]["val_fisher"]  # validation has no such term now
    values = read_log(earlier / "lightning_logs/own/tiny").values
    assert [epoch for epoch, _ in values["val_fisher"]] == [1, 2]
    assert [epoch for epoch, _ in values["train_fisher"]] == [1, 2, 3]
    succeed(earlier, "tools/curves.py", "lightning_logs/own/tiny", "-o", "curves")
    record = json.loads((folder / "run.json").read_text())
    assert record["date"] == "2026-11-25T04:27:35+00:00"
    assert len(record["resumed"]) == 1


def test_results_become_a_report(earlier):
    succeed(earlier, "tools/report.py", RESULTS, "--scores-only")
    page = (earlier / RESULTS / "report.html").read_text()
    assert "scene_001_val" in page and "Clutter" in page


def test_a_log_becomes_curves(earlier):
    succeed(earlier, "tools/curves.py", "lightning_logs/own/tiny", "-o", "curves")
    assert (earlier / "curves.png").stat().st_size > 10_000


def test_an_earlier_output_folder_is_replaced(earlier):
    succeed(earlier, "test.py", "-c", "tiny.py", "-o", RESULTS)
    results = json.loads((earlier / RESULTS / "results.json").read_text())
    assert [score["tta"] for score in results["scores"]] == ["none"]
