"""Lists, logs and results that cannot be."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.scripts.bad.case import GOOD, Case, replace


def records(root: Path, rng: random.Random) -> Iterator[Case]:
    listing = (root / "data/own/dataset.yaml").read_text()
    for number, content in enumerate(
        (
            b"\xff\xfe\x00", "[1, 2", "- a list", "just text", "classes: 3", "classes: {}",
            "classes: {A: [1, 2]}", "classes: {A: [0, 0, 300]}", "classes: {A: red}",
            "classes: {A: [1, 2, 3], B: [1, 2, 3]}", "colours: 3", listing + "\nval: 3\n",
            listing + "\nunscored: [No such class]\n", listing + "\nignore_colors: 9\n",
            listing + "\nmasks: oil\n", listing + "\nval: nothing_of_that_name\n",
            "", "\t classes: 1", "classes: &a {A: *a}", 
            "!!python/object/apply:os.system [touch harm]",
            "--- 1\n--- 2\n", listing + "\nclasses: 3\n", listing + "\nmean: [1, 2]\n",
            listing + "\nstd: [0, 0, 0]\n", listing + "\nmean: red\n", listing + "\nval: {a: b}\n",
            listing + "\nignore_values: [x]\n", listing + "\nignore_colors: [[1, 2]]\n",
            listing + "\nunscored: 7\n", "classes: {A: [-1, 0, 0], B: [1, 1, 1]}",
            "classes: {A: [0.5, 0, 0], B: [1, 1, 1]}", "classes: {'': [0, 0, 0], B: [1, 1, 1]}",
            "classes: {1: [0, 0, 0], 2: [1, 1, 1]}", "classes: {A: [0, 0, 0]}\nmasks: 7",
            'classes: {A: "#000001", B: "#000002"}\nval: val.txt',
            listing + "\ntrain: nothing_of_that_name\n", listing + "\ntrain: scene_001_val\n",
            listing + "\ntest: {a: b}\n",
            listing + "\nimage_files: pictures/*\n", listing + "\nimage_files: images/a.jpg\n",
            listing + "\nmask_files: [masks]\n", listing + "\nmask_files: '*/*'\n",
            listing + "\nsample_names: ../*\n", listing + "\nlabels: 3\n",
            listing + "\nlabels: {1: A, 2: B}\n", "labels: {1: A, 2: B}\nfirst_label: 1",
            "labels: {1: A, 1.0: B}", "labels: {1: [A], 2: B}", "labels: {0: ignore}",
            "classes: classes.json", "classes: dataset.yaml", "classes: {A: '#12345', B: '#1234'}",
            'classes: {A: "#000001", B: "#000002"}\nignore_colors: ["#00"]',
            'classes: {A: "#000001", B: "#000002"}\nignore_colors: B',
            "classes: [A, A]", "classes: [A, 2, null]", "x: " + "[" * 3000, "? [a]\n: b",
        )
    ):  # fmt: skip
        script = ("train.py", "test.py", "tools/check_data.py")[number % 3]
        yield Case(f"dataset.yaml {content[-60:]!r}", "record", script, GOOD[script], "",
                   replace("data/own/dataset.yaml", content))  # fmt: skip
    results = (root / "out/results.json").read_text()
    for content in ("", "{", "[]", "3", "{}", results[: len(results) // 2], b"\xff\x00",
                    json.dumps(json.loads(results) | {"scores": "none"})):  # fmt: skip
        for script in ("tools/report.py", "tools/compare.py"):
            yield Case(f"{script}, results.json {content[:20]!r}", "record", script, GOOD[script],
                       "results.json", replace("out/results.json", content))  # fmt: skip
    for content in ("", "name\n", b"\xff\xfe\x00\x00"):
        yield Case(f"images.csv {content[:20]!r}", "record", "tools/report.py", ("out",),
                   "images.csv", replace("out/images.csv", content))  # fmt: skip
    counted = (root / "out/confusions.npz").read_bytes()
    for content in ("", "text", counted[: len(counted) // 2], counted[:-40]):
        yield Case(f"confusions.npz {len(content)}", "record", "tools/compare.py",
                   GOOD["tools/compare.py"], "confusions.npz",
                   replace("out/confusions.npz", content))  # fmt: skip
    log = "lightning_logs/own/bicor/version_0/metrics.csv"
    for content in ("", "text", "epoch,step\n0,1\n", "epoch,val_mIoU\n0,high\n", b"\xff\xfe\x00",
                    "epoch,val_mIoU\nfirst,0.5\n"):  # fmt: skip
        yield Case(f"metrics.csv {content[:20]!r}", "record", "tools/curves.py",
                   GOOD["tools/curves.py"], "metrics.csv", replace(log, content))  # fmt: skip
