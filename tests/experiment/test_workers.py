"""``num_workers="auto"``."""

import json

import pytest

from network.errors import ConfigError
from network.experiment import Experiment, workers
from network.experiment.idle import without_cache
from tests.conftest import succeed_here

GIB = 1 << 30


@pytest.fixture
def machine(monkeypatch):
    def of(processors, cards=0, memory=999, started=None):
        monkeypatch.setattr(workers, "usable_processors", lambda: processors)
        monkeypatch.setattr(workers, "free_memory", lambda: memory and int(memory * GIB))
        monkeypatch.setattr(workers.torch.cuda, "is_available", lambda: cards > 0)
        monkeypatch.setattr(workers.torch.cuda, "device_count", lambda: cards)
        monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
        if started:
            monkeypatch.setenv("LOCAL_WORLD_SIZE", str(started))

    return of


@pytest.mark.parametrize(
    ("processors", "cards", "devices", "expected"),
    [
        (1, 0, 1, 1),
        (2, 0, 1, 2),
        (2, 1, 1, 2),
        (64, 0, 1, 2),
        (4, 1, 1, 3),
        (64, 1, 1, 8),
        (16, 4, 4, 3),
        (16, 4, "auto", 3),
        (16, 4, -1, 3),
        (16, 4, "2", 7),
        (16, 4, "0,3", 7),
        (16, 4, [1, 2], 7),
        (2, 4, 4, 0),
    ],
)
def test_each_training_process_takes_its_share(machine, processors, cards, devices, expected):
    machine(processors, cards)
    assert workers.loading_processes("auto", "auto", devices) == expected
    assert workers.loading_processes(5, "auto", devices) == 5


def test_a_training_on_the_cpu_beside_a_card_needs_few(machine):
    machine(16, 1)
    assert workers.loading_processes("auto", "cpu", 1) == 2


def test_processes_of_torchrun_share_the_machine(machine):
    machine(16, 4, started=4)
    assert workers.loading_processes("auto", "auto", 1) == 3


def test_memory_is_a_limit(machine):
    machine(64, 2, memory=5)
    assert workers.loading_processes("auto", "auto", 2) == 2
    machine(64, 1, memory=None)
    assert workers.loading_processes("auto", "auto", 1) == 8


def test_what_it_came_to_is_recorded_and_a_number_stays(own, machine):
    machine(2)
    (own / "bicor.py").write_text((own / "bicor.py").read_text().replace("num_workers = 0\n", ""))
    path = own / "bicor.py"
    assert Experiment.load(path).num_workers == 2
    assert Experiment.load(path, ["num_workers=auto"]).settings()["num_workers"] == "2"
    assert Experiment.load(path, ["num_workers=7"]).num_workers == 7
    for value in ("many", "-1"):
        with pytest.raises(ConfigError, match=f"num_workers='?{value}"):
            Experiment.load(path, [f"num_workers={value}"])
    machine(1, memory=0.5)
    succeed_here(own, "train.py", "-c", "bicor.py", "sample_every=0")
    record = json.loads((own / "model_weights/own/bicor/run.json").read_text())
    assert record["settings"]["num_workers"] == "0"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("LoveDADataset(cache='disk')", "LoveDADataset()"),
        ("F(root='a', cache=True)", "F(root='a')"),
        ("F(cache=False, root='a')", "F(root='a')"),
        ("F(root='a', cache='disk', val='b')", "F(root='a', val='b')"),
        ("F(root='a', val='cache=1')", "F(root='a', val='cache=1')"),
    ],
)
def test_where_images_are_kept_makes_no_other_method(text, left):
    assert without_cache({"dataset": text, "lr": "1"}) == {"dataset": left, "lr": "1"}
