"""A model folder gives the network that it was made of, wherever it lies."""

import json
import shutil
import socket
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml

from network.errors import CheckpointError, ExportError, MissingDataError, OutputError
from network.export import model_folder, stripped
from network.export.model_folder import write_folder
from network.export.stripped import write_stripped
from network.files.hashing import file_hash
from network.inference.predictor import Predictor
from network.inference.segmenter import Segmenter
from network.models import load
from tests.conftest import files_of, refused, succeed_here
from tests.export.made import MANY, NETWORKS, RGB, segmenter_of

CKPT = "model_weights/own/bicor/best.ckpt"
IMAGE = "data/own/images/scene_001_val.jpg"


def image(bands=3):
    return torch.randn(1, bands, 70, 83, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def segmenter(trained):
    return Segmenter.of_checkpoint(trained[0] / CKPT, "cpu")


@pytest.fixture
def folder(segmenter, tmp_path):
    write_folder(segmenter, tmp_path / "folder")
    return tmp_path / "folder"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_comes_back_to_the_last_bit(tmp_path, name):
    made = segmenter_of(tmp_path / "a.ckpt", NETWORKS[name])
    expected = made.predictor("none")(image())
    assert write_folder(made, tmp_path / "folder") == 0
    assert write_stripped(made, tmp_path / "small.ckpt") == 0
    moved = (tmp_path / "folder").rename(tmp_path / "elsewhere")
    net = load(moved)
    assert not net.training
    assert torch.equal(Predictor(net)(image()), expected)
    for path in (moved, tmp_path / "small.ckpt"):
        again = Segmenter.of_checkpoint(path, "cpu")
        assert (again.spec, again.identity) == (made.spec, made.identity)
        assert torch.equal(again.predictor("none")(image()), expected)


def test_what_is_known_stands_beside_the_weights(segmenter, folder):
    config = json.loads((folder / "config.json").read_text())
    content = torch.load(segmenter.checkpoint, weights_only=True)
    assert config["architectures"] == ["BiCoR"]
    assert load(folder).facts == config
    for key in ("identity", "protocol", "settings", "versions", "epoch", "image_type"):
        assert config[key] == content[key]
    row = content["callbacks"]["Checkpoints"]["log"][-1]
    assert config["scores"]["val_mIoU"] == row["val_mIoU"]
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "model.safetensors", "README.md"
    }  # fmt: skip


def test_scripts_take_a_folder_and_a_stripped_checkpoint(trained, segmenter, folder, tmp_path):
    root, _ = trained
    write_stripped(segmenter, tmp_path / "small.ckpt")
    assert (tmp_path / "small.ckpt").stat().st_size < (root / CKPT).stat().st_size / 2
    maps, scores = set(), []
    for name, path in {"a": CKPT, "b": folder, "c": tmp_path / "small.ckpt"}.items():
        succeed_here(root, "predict.py", "--ckpt", path, IMAGE, "-o", tmp_path / name, "-t", "d4")
        maps.add((tmp_path / name / "scene_001_val.png").read_bytes())
        succeed_here(root, "test.py", "-c", "bicor.py", "--ckpt", path, "-o", tmp_path / f"t{name}")
        results = json.loads((tmp_path / f"t{name}/results.json").read_text())
        assert results["splits"]["images_of_validation"] == 2
        assert results["training"]["max_epoch"] == "1"
        assert results["checkpoint"]["epoch"] == 1
        scores.append(results["scores"])
    assert len(maps) == 1
    assert scores[0] == scores[1] == scores[2]
    refused(root, "cannot be resumed: it lacks", "optimizer_states",
            arguments=("-c", "bicor.py", "--resume", tmp_path / "small.ckpt"))  # fmt: skip


def test_a_folder_loads_elsewhere_without_a_connection(folder, segmenter, tmp_path, monkeypatch):
    moved = Path(shutil.move(folder, tmp_path / "far/away/net"))

    def refuse(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for place, name in ((moved.parent, "net"), (moved, ".")):
        monkeypatch.chdir(place)
        assert torch.equal(Predictor(load(name))(image()), segmenter.predictor("none")(image()))


def test_the_card_says_what_it_is(trained, segmenter, tmp_path):
    root, _ = trained
    succeed_here(root, "test.py", "-c", "bicor.py", "-o", tmp_path / "out", "-t", "lr")
    results = json.loads((tmp_path / "out/results.json").read_text())
    write_folder(segmenter, tmp_path / "net", results, root / IMAGE, "cc-by-4.0")
    _, head, text = (tmp_path / "net/README.md").read_text().split("---\n", 2)
    head = yaml.safe_load(head)
    assert head["library_name"] == "bicor-seg"
    assert head["pipeline_tag"] == "image-segmentation"
    assert head["datasets"] == ["own"]
    assert head["metrics"] == ["mean_iou", "f1", "accuracy"]
    assert head["license"] == "cc-by-4.0"
    ((found,),) = (entry["results"] for entry in head["model-index"])
    score = results["scores"][0]
    assert [each["value"] for each in found["metrics"]] == [score[n] for n in ("mIoU", "mF1", "OA")]
    cells = [f"{100 * score[name]:.2f}" for name in ("mIoU", "mF1", "OA")]
    assert f"| full masks, TTA lr | {' | '.join(cells)} |" in text
    assert "| 4 | Car | `#FFFF00` | yes |" in text
    assert "mean [0.485, 0.456, 0.406]" in text
    assert "Of the weights: cc-by-4.0." in text
    assert "arXiv:2512.20255" in text
    assert "(picture.jpg)" in text
    assert (tmp_path / "net/picture.jpg").read_bytes() == (root / IMAGE).read_bytes()


def test_a_card_of_many_bands_and_odd_names(tmp_path):
    made = segmenter_of(tmp_path / "a.ckpt", NETWORKS["SmpNet"], MANY, image_type="uint16")
    write_folder(made, tmp_path / "many")
    text = (tmp_path / "many/README.md").read_text()
    assert "- Bands: 4 (4, 2, 1, 3 of the files): nir, g, r, b." in text
    assert "- Values: uint16 as they are stored; 0 stands for 0 and 10000 for 1." in text
    assert "Not recorded." in text and "Of the weights: not stated." in text
    write_folder(segmenter_of(tmp_path / "b.ckpt", NETWORKS["SmpNet"], RGB), tmp_path / "odd")
    text = (tmp_path / "odd/README.md").read_text()
    assert "| 1 | b\\|c | `#040506` | yes |" in text
    assert "| 2 | d | `#070809` | no |" in text


def test_it_is_told_what_a_folder_is(segmenter, folder):
    text = succeed_here(folder.parent, "tools/info.py", "folder").out
    assert text.startswith("folder: a model folder\nnetwork         BiCoR (network.models.bicor")
    facts = json.loads(succeed_here(folder.parent, "tools/info.py", "folder", "--json").out)
    original = json.loads(
        succeed_here(folder.parent, "tools/info.py", segmenter.checkpoint.resolve(), "--json").out
    )
    assert facts["size"].pop("file_bytes") == sum(p.stat().st_size for p in folder.iterdir())
    original["size"].pop("file_bytes")
    for key in ("network", "dataset", "size"):
        assert facts[key] == original[key]
    assert facts["training"]["scores"] == original["training"]["scores"]
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-9])
    refused(folder.parent, "reaches beyond its end", script="tools/info.py", arguments=("folder",))


@pytest.mark.parametrize("kind", ["folder", "stripped"])
def test_what_differs_is_removed_and_reported(segmenter, tmp_path, monkeypatch, kind):
    module = model_folder if kind == "folder" else stripped

    def other(*_):
        made = segmenter_of(tmp_path / "a.ckpt", NETWORKS["BiCoR convnext"], segmenter.spec)
        return made.net

    monkeypatch.setattr(module, "load" if kind == "folder" else "_read", other)
    write = write_folder if kind == "folder" else write_stripped
    with pytest.raises(ExportError, match=r"differs from the network by up to .* it was removed"):
        write(segmenter, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} <= {"a.ckpt"}


def test_nothing_is_replaced_that_no_export_wrote(segmenter, folder, tmp_path):
    write_folder(segmenter, folder, weights_license="mit")
    assert "license: mit" in (folder / "README.md").read_text()
    (folder / "README.md").write_text("mine")
    before = files_of(tmp_path)
    with pytest.raises(OutputError, match=r"README\.md"):
        write_folder(segmenter, folder)
    with pytest.raises(OutputError, match="exists"):
        write_stripped(segmenter, folder / "README.md")
    assert files_of(tmp_path) == before


def test_results_of_another_checkpoint_and_missing_pictures(segmenter, tmp_path):
    for results in ({}, {"checkpoint": 3}, {"checkpoint": {"sha256": "00"}}):
        with pytest.raises(ExportError, match="of another checkpoint"):
            write_folder(segmenter, tmp_path / "new", results)
    with pytest.raises(MissingDataError, match="no picture"):
        write_folder(segmenter, tmp_path / "new", picture=tmp_path / "none.png")
    write_folder(segmenter, tmp_path / "new",
                 {"checkpoint": {"sha256": file_hash(segmenter.checkpoint)}})  # fmt: skip


def test_a_network_that_no_file_describes(segmenter, tmp_path):
    segmenter.identity.objects["act"] = "GELU"
    with pytest.raises(ExportError, match=r"best\.ckpt cannot become a folder .* built with act"):
        write_folder(segmenter, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert write_stripped(segmenter, tmp_path / "small.ckpt") == 0


SPOILT = {
    "config.json": (None, "it has no config.json"),
    "model.safetensors": (None, "it has no model.safetensors"),
    "text": ("no JSON", r"config\.json cannot be read"),
    "a list": ("[1]", "does not say what network"),
    "no network": ('{"format": 1, "identity": {}}', "does not say what network"),
    "later": (lambda facts: facts | {"format": 2}, "has form 2, and this version reads 1"),
    "another": (
        lambda facts: facts | {"identity": facts["identity"] | {"network": "os.system"}},
        "os.system, is of no installed package",
    ),
    "weights": (b"\x10\x00\x00\x00\x00\x00\x00\x00{}", r"model\.safetensors is damaged"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_folder_that_is_damaged(folder, kind):
    change, words = SPOILT[kind]
    config = folder / "config.json"
    if change is None:
        (folder / kind).unlink()
    elif isinstance(change, bytes):
        (folder / "model.safetensors").write_bytes(change)
    elif callable(change):
        config.write_text(json.dumps(change(json.loads(config.read_text()))))
    else:
        config.write_text(change)
    with pytest.raises(CheckpointError, match=words):
        load(folder)
    with pytest.raises(CheckpointError, match=words):
        Segmenter.of_checkpoint(folder, "cpu")


def test_weights_of_another_network(folder):
    facts = json.loads((folder / "config.json").read_text())
    facts["identity"]["settings"]["embed_dim"] = 16
    (folder / "config.json").write_text(json.dumps(facts))
    with pytest.raises(
        CheckpointError, match=r"another network than config\.json says: .*size mis"
    ):
        load(folder)


def test_an_id_of_a_hub_is_fetched(folder, tmp_path, monkeypatch):
    asked = []

    def fetch(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.chdir(tmp_path)
    assert torch.equal(Predictor(load("someone/net"))(image()), Predictor(load(folder))(image()))
    assert asked == [("someone/net", ["config.json", "model.safetensors", "README.md"])]
    load("folder")
    assert len(asked) == 1


def test_a_hub_that_gives_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match=r"no folder someone/net .*ConnectionError: no route"):
        load("someone/net")
    for name in ("./there", "a/b/c", "/no/such/place", "net"):
        with pytest.raises(CheckpointError, match="no model folder"):
            load(name)
