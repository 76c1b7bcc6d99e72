"""Which device a run takes, and how it is set."""

import pytest
import torch

from network.devices import choose_device, prepare_device
from network.errors import ConfigError, DeviceError


@pytest.fixture
def four_cards(monkeypatch):
    """As if torch found four."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for name in ("LOCAL_RANK", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("which", "card"),
    [
        *((1, 0), (4, 0), (-1, 0), ("auto", 0), ("-1", 0), ("2", 0)),
        *(([1], 1), ((3, 1), 3), ("2,", 2), ("3,1", 3)),
    ],
)
def test_the_first_card_that_devices_name_is_taken(four_cards, which, card):
    assert choose_device("auto", which) == torch.device("cuda", card)
    assert choose_device("cpu", which) == torch.device("cpu")


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "SLURM_LOCALID"])
def test_each_process_of_several_has_a_card_of_its_own(four_cards, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    for which, card in ((2, 1), ("auto", 1), ([1, 3], 3), ("3,0", 0)):
        assert choose_device("gpu", which) == torch.device("cuda", card)


@pytest.mark.parametrize("which", [[4], "0x,", "-3,", [-1]])
def test_cards_that_are_not_there(four_cards, which):
    with pytest.raises((DeviceError, ConfigError), match="devices="):
        choose_device("gpu", which)


@pytest.mark.parametrize("which", ["first", "", []])
def test_devices_that_name_none(four_cards, which):
    with pytest.raises(ConfigError, match=r"a number of them, a list of their indices, or auto"):
        choose_device("gpu", which)


def test_all_stages_compute_alike_on_cuda(four_cards, monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = torch.get_float32_matmul_precision()
    try:
        assert prepare_device("gpu", [2]) == torch.device("cuda", 2)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert chosen == [torch.device("cuda", 2)]
    assert torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark


def test_training_and_all_that_follows_take_the_device_of_the_config(trained, monkeypatch):
    import network.inference.trained_network as inference
    import network.training.run as training
    from network.experiment import Experiment

    asked = []

    def asks(*arguments):
        asked.append(arguments)
        raise DeviceError("enough")

    monkeypatch.setattr(training, "prepare_device", asks)
    monkeypatch.setattr(inference, "prepare_device", asks)
    experiment = Experiment.load(trained[0] / "bicor.py", ["accelerator=gpu", "devices=[1]"])
    for start in (training.train, inference.Trained.open):
        with pytest.raises(DeviceError, match="enough"):
            start(experiment)
    assert asked == [("gpu", [1])] * 2
