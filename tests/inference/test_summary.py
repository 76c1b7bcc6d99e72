"""``tools/info.py``: what a file is, at once and without running anything in it."""

import csv
import json
import os
import pickle
import subprocess
import sys

import pytest
import torch

from network.inference.summary import summarise
from tests.conftest import REPOSITORY, refused, succeed_here
from tests.inference.test_published_lists import drawn

CKPT = "model_weights/own/bicor/best.ckpt"
OLD = REPOSITORY / "tests/compatibility/first_layout/model_weights/own/tiny/best.ckpt"


class Evil:
    """Pickles to code that writes a file."""

    def __reduce__(self):
        return os.system, ("touch harm",)


@pytest.fixture(scope="module")
def content(trained):
    return torch.load(trained[0] / CKPT, weights_only=True)


def said(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return line.removeprefix(name).strip()


def test_everything_is_said_of_a_checkpoint(trained, content):
    root, _ = trained
    text = succeed_here(root, "tools/info.py", CKPT).out
    assert text.startswith(f"{CKPT}: a checkpoint of train.py\n")
    assert said(text, "network") == "BiCoR (network.models.bicor.BiCoR)"
    assert said(text, "backbone") == "test_convnext"
    assert "embed_dim=32, num_hbis=2, topk_ratio=1.0" in said(text, "settings")
    assert said(text, "dataset") == "own"
    assert "#FFFF00  Car" in text
    assert said(text, "bands") == "3 of a picture (RGB)"
    assert said(text, "values") == "uint8; 0 stands for 0 and 255 for 1"
    assert said(text, "normalised by") == "mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    assert said(text, "-t d4") == "hflip, vflip, scales 0.75 1 1.25 1.5, bilinear"
    assert said(text, "trained on").startswith("4: scene_000, scene_002")
    assert said(text, "epoch") == "1, step 2"
    assert f"torch {torch.__version__.partition('+')[0]}" in said(text, "versions")
    assert "not recorded" not in text
    with (root / "lightning_logs/own/bicor/version_0/metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    share = float(row["val_mIoU"])
    assert said(text, "scores").startswith(f"val_mIoU {share:.4f}, val_F1 ")
    assert said(text, "scores").endswith(f"after epoch 1; best val_mIoU so far {share:.4f}")


def test_all_facts_as_json(trained, content):
    facts = json.loads(succeed_here(trained[0], "tools/info.py", CKPT, "--json").out)
    weights = [v for name, v in content["state_dict"].items() if name.startswith("net.")]
    size = (trained[0] / CKPT).stat().st_size
    assert facts["size"] == {
        "file_bytes": size,
        "weights_bytes": sum(4 * value.numel() for value in weights),
        "parameters": sum(value.numel() for value in weights),
    }
    assert facts["network"]["settings"] == content["identity"]["settings"]
    assert [*facts["dataset"]["classes"]] == content["identity"]["classes"]
    assert facts["training"]["protocol"] == content["protocol"]
    assert facts["training"]["settings"] == content["settings"]
    assert facts["training"]["resumable"] is True


def test_nothing_that_takes_time_is_imported(trained):
    script = str(REPOSITORY / "tools/info.py")
    code = (
        f"import runpy, sys; sys.argv = ['info.py', {CKPT!r}]; "
        f"runpy.run_path({script!r}, run_name='__main__'); "
        "print(sorted({'torch', 'numpy', 'timm', 'cv2'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=trained[0], capture_output=True,
                         text=True, check=True)  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_checkpoint_of_before_there_were_records(tmp_path):
    text = succeed_here(tmp_path, "tools/info.py", OLD).out
    assert ": a checkpoint of an earlier version of train.py" in text
    assert said(text, "network").startswith("not recorded: name its config by -c CONFIG")
    assert said(text, "versions").endswith("others not recorded")
    assert said(text, "scores").startswith("val_mIoU 0.0753")


def test_bands_averages_and_what_is_stripped(content, tmp_path):
    weights = {name: v for name, v in content["state_dict"].items() if name.startswith("net.")}
    other = content["identity"] | {
        "bands": 2, "band_numbers": [4, 1], "band_names": ["nir", "red"], "scale": [0.0, 10000.0],
        "mean": [0.25, 0.5], "std": [0.1, 0.2], "alpha": "mask", "unscored": ["Car"],
    }  # fmt: skip
    del other["d4"]
    raw = {name.replace("net.", "raw.", 1): value.clone() for name, value in weights.items()}
    torch.save({"state_dict": weights | raw, "identity": other, "ema_decay": 0.99,
                "image_type": "uint16"}, tmp_path / "a.ckpt")  # fmt: skip
    text = succeed_here(tmp_path, "tools/info.py", "a.ckpt").out
    assert said(text, "bands") == "2: 4, 1 of the files (nir, red); alpha: mask"
    assert said(text, "values") == "uint16; 0 stands for 0 and 10000 for 1"
    assert said(text, "normalised by") == "mean 0.25 0.5, std 0.1 0.2"
    assert said(text, "weights") == "averaged in training, ema_decay=0.99"
    assert "Car (not in the means)" in text
    assert said(text, "resumable").startswith("no")
    for name in ("-t d4", "epoch", "scores", "versions", "protocol"):
        assert said(text, name) == "not recorded"
    assert summarise(tmp_path / "a.ckpt")["size"]["parameters"] == sum(
        value.numel() for value in weights.values()
    )


def test_a_published_checkpoint_and_one_made_of_it(content, tmp_path):
    torch.save(drawn("loveda"), tmp_path / "published.ckpt")
    text = succeed_here(tmp_path, "tools/info.py", "published.ckpt").out
    assert ": a checkpoint of the published BiCoR-Seg code\n" in text
    assert said(text, "network") == "num_classes=7, embed_dim=256, num_hbis=2"
    assert "tools/convert_checkpoint.py SOURCE DEST -c CONFIG" in text
    keys = ("state_dict", "identity", "epoch")
    made = {key: content[key] for key in keys} | {"converted": {"from": "a.ckpt", "sha256": "ff"}}
    torch.save(made, tmp_path / "made.ckpt")
    text = succeed_here(tmp_path, "tools/info.py", "made.ckpt").out
    assert ": a converted checkpoint of the published BiCoR-Seg code\n" in text
    assert said(text, "converted from") == "a.ckpt"


def test_weights_of_something_else(tmp_path):
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "linear.pth")
    text = succeed_here(tmp_path, "tools/info.py", "linear.pth").out
    assert text.startswith("linear.pth: weights of an unknown network\n")
    assert "8 numbers in them" in text


@pytest.mark.parametrize("where", ["a pickle", "a checkpoint", "an old protocol"])
def test_code_is_named_and_not_executed(tmp_path, where):
    path = tmp_path / "evil.ckpt"
    if where == "a checkpoint":
        torch.save({"state_dict": {"net.a": torch.zeros(2), "net.b": Evil()}}, path)
    else:
        path.write_bytes(pickle.dumps(Evil(), protocol=0 if where == "an old protocol" else 4))
    system = f"{os.system.__module__}.system"
    refused(tmp_path, "evil.ckpt holds more than tensors", f"call {system}. Nothing of it was "
            "executed", script="tools/info.py", arguments=("evil.ckpt",))  # fmt: skip
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda whole: b"", "is empty"),
        (lambda whole: whole[: len(whole) // 2], "damaged, as by a copy that broke off"),
        (lambda whole: whole[:200] + whole[260:], "cannot be read as a checkpoint"),
        (lambda whole: b"\x89PNG\r\n\x1a\n", "is no checkpoint"),
        (lambda whole: pickle.dumps({"state_dict": {}}), "is no checkpoint"),
        (lambda whole: pickle.dumps([1])[:-3], "is no checkpoint"),
    ],
)
def test_what_is_damaged_or_something_else(trained, tmp_path, spoil, words):
    (tmp_path / "a.ckpt").write_bytes(spoil((trained[0] / CKPT).read_bytes()))
    refused(tmp_path, "a.ckpt", words, script="tools/info.py", arguments=("a.ckpt",))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([1, 2], "it holds a list"),
        ({"state_dict": {}}, "holds no weights"),
        ({"state_dict": [torch.zeros(1)]}, "holds no weights"),
        ({"epoch": 3}, "holds no weights"),
    ],
)
def test_a_file_of_torch_that_is_no_checkpoint(tmp_path, made, words):
    torch.save(made, tmp_path / "a.ckpt")
    refused(tmp_path, words, script="tools/info.py", arguments=("a.ckpt",))


def test_a_form_of_long_ago(tmp_path):
    torch.save({}, tmp_path / "a.ckpt", _use_new_zipfile_serialization=False)
    refused(tmp_path, "before version 1.6", script="tools/info.py", arguments=("a.ckpt",))


@pytest.mark.parametrize("name", ["network", "classes", "colors", "mean", "scale", "d4"])
@pytest.mark.parametrize("value", [7, ["x"], "x", {"scales": 3}, torch.ones(1)], ids=repr)
def test_a_damaged_record(content, tmp_path, name, value):
    if name == "network" and value == "x":
        value = None
    made = {key: content[key] for key in ("state_dict", "identity")}
    torch.save(made | {"identity": made["identity"] | {name: value}}, tmp_path / "a.ckpt")
    refused(tmp_path, "its record of network and dataset ('identity') is damaged",
            script="tools/info.py", arguments=("a.ckpt",))  # fmt: skip


@pytest.mark.parametrize("value", [7, ["x"], "x", {1: 3}, torch.ones(1), float("nan")], ids=repr)
def test_odd_facts_beside_the_record_are_no_fault_of_the_tool(content, tmp_path, value):
    made = {key: content[key] for key in ("state_dict", "identity")}
    names = ("epoch", "protocol", "versions", "settings", "callbacks", "scores", "converted",
             "ema_decay", "image_type", "global_step", "averaged")  # fmt: skip
    torch.save(made | dict.fromkeys(names, value), tmp_path / "a.ckpt")
    assert "weights alone" in succeed_here(tmp_path, "tools/info.py", "a.ckpt").out
    json.loads(succeed_here(tmp_path, "tools/info.py", "a.ckpt", "--json").out)
