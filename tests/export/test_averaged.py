"""The mean of several checkpoints is one network, and says of what."""

import re

import pytest
import torch

from network.errors import CheckpointError, ConfigError, OutputError
from network.export.averaged import average_checkpoints
from network.inference.segmenter import Segmenter
from tests.conftest import files_of, succeed_here
from tests.export.made import MANY, NETWORKS, RGB, write_checkpoint

PROTOCOL = {"rule": {"val": ["v"]}, "train": ["a", "b"], "val": ["v"]}


@pytest.fixture
def three(tmp_path):
    """Three checkpoints whose weights are 1, 2 and 6 times the same."""
    paths = []
    for index, factor in enumerate((1, 2, 6)):
        path = tmp_path / f"{index}.ckpt"
        facts = {"epoch": index, "versions": {"torch": "1"}, "settings": {"seed": str(index)}}
        protocol = PROTOCOL | {"train": ["a", f"t{index}"]}
        write_checkpoint(path, NETWORKS["SmpNet"], protocol=protocol, **facts)
        content = torch.load(path, weights_only=True)
        for value in content["state_dict"].values():
            value.mul_(factor) if value.is_floating_point() else value.fill_(index)
        torch.save(content, path)
        paths.append(path)
    return paths


def test_the_mean_of_three(three, tmp_path, capsys):
    notes = average_checkpoints(three, tmp_path / "mean.ckpt")
    one = torch.load(three[0], weights_only=True)["state_dict"]
    content = torch.load(tmp_path / "mean.ckpt", weights_only=True)
    assert content["state_dict"].keys() == one.keys()
    for name, value in content["state_dict"].items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 3 * one[name])
        else:
            assert (value == 2).all()
    assert content["protocol"] == PROTOCOL | {"train": ["a", "t0", "t1", "t2"]}
    assert content["versions"] == {"torch": "1"}
    assert "settings" not in content and "epoch" not in content
    assert any("batch norms are the mean of the checkpoints' own" in note for note in notes)
    assert any(
        re.match("settings is left out: it differs in .*0.ckpt and .*1.ckpt", n) for n in notes
    )
    assert [each["epoch"] for each in content["averaged"]["from"]] == [1, 2, 3]
    assert content["averaged"]["notes"] == notes
    text = succeed_here(tmp_path, "tools/info.py", "mean.ckpt").out
    assert re.search(r"mean of +\S*0\.ckpt, \S*1\.ckpt, \S*2\.ckpt\n", text)
    capsys.readouterr()
    made = Segmenter.of_checkpoint(tmp_path / "mean.ckpt", "cpu")
    assert "note: " in (said := capsys.readouterr().out) and "mean of the weights of" in said
    assert made.predictor("none")(torch.randn(1, 3, 64, 64)).isfinite().all()


def test_networks_that_do_not_belong_together(three, tmp_path):
    write_checkpoint(tmp_path / "wide.ckpt", NETWORKS["BiCoR vit"])
    write_checkpoint(tmp_path / "many.ckpt", NETWORKS["SmpNet"], MANY)
    content = torch.load(three[1], weights_only=True)
    name = next(iter(content["state_dict"]))
    torch.save(content | {"identity": content["identity"] | {"mean": [0.5] * 3}},
               tmp_path / "bright.ckpt")  # fmt: skip
    torch.save({"state_dict": content["state_dict"]}, tmp_path / "old.ckpt")
    torch.save(content | {"state_dict": content["state_dict"] | {name: torch.zeros(1)}},
               tmp_path / "odd.ckpt")  # fmt: skip
    huge = {name: torch.full_like(content["state_dict"][name], torch.inf)}
    torch.save(content | {"state_dict": content["state_dict"] | huge}, tmp_path / "huge.ckpt")
    before = files_of(tmp_path)
    for other, words in {
        "wide": "no checkpoints of one network: network='network.models.smp_net.SmpNet' and",
        "many": f"classes={list(RGB.classes)!r} and {list(MANY.classes)!r}",
        "bright": r"mean=[0.485, 0.456, 0.406] and [0.5, 0.5, 0.5]",
        "old": "old.ckpt does not say what network it holds",
        "odd": f"hold different tensors: {name}",
        "huge": "is not finite",
    }.items():
        with pytest.raises(CheckpointError, match=re.escape(words)):
            average_checkpoints([three[0], tmp_path / f"{other}.ckpt"], tmp_path / "mean.ckpt")
    for paths in ([], three[:1], [three[0], three[1], three[0]]):
        with pytest.raises(ConfigError, match="at least two different"):
            average_checkpoints(paths, tmp_path / "mean.ckpt")
    with pytest.raises(OutputError, match="exists"):
        average_checkpoints(three, three[0])
    assert files_of(tmp_path) == before
