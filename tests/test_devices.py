"""Which device a run takes, and how it is set."""

import contextlib
import json

import pytest
import torch

from network.devices import (
    bf16_time_share,
    choose_device,
    choose_precision,
    prepare_device,
)
from network.errors import ConfigError, DeviceError
from tests.conftest import refused, run_here, run_script


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


@pytest.fixture
def unmeasured(monkeypatch):
    """As in a process that has not compared bfloat16 with float32 yet."""
    monkeypatch.setenv("BICOR_BF16_TIME_SHARE", "")


@pytest.mark.parametrize(("share", "chosen"), [(0.5, "bf16-mixed"), (0.9, "32-true")])
def test_a_measurement_chooses_the_precision_of_a_cpu(
    unmeasured, monkeypatch, capsys, share, chosen
):
    asked = []
    monkeypatch.setattr("network.devices.bf16_time_share", lambda: asked.append(1) or share)
    for _ in range(2):
        assert choose_precision("bf16-where-native", torch.device("cpu")) == chosen
    assert len(asked) == 1
    assert f"precision: {chosen}, as bfloat16 takes {share:.2f}" in capsys.readouterr().out


def test_the_measurement_is_a_share_of_time():
    before, state = torch.get_num_threads(), torch.get_rng_state()
    assert 0 < bf16_time_share() < 1000
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == before


def test_what_a_cpu_does_not_compute_is_refused():
    with pytest.raises(ConfigError, match=r"16-mixed is float16.* for CUDA only"):
        choose_precision("16-mixed", torch.device("cpu"))
    assert choose_precision("auto", torch.device("cpu")) == "32-true"


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bfloat16_is_not_chosen_where_a_card_emulates_it(monkeypatch, native, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    for precision in ("auto", "bf16-where-native"):
        assert choose_precision(precision, torch.device("cuda", 0)) == chosen


@pytest.mark.parametrize("script", ["train.py", "test.py", "predict.py", "tools/heatmaps.py"])
def test_float16_on_a_cpu_is_refused_at_every_stage(trained, script):
    more = {
        "train.py": (),
        "test.py": ("-o", "half"),
        "predict.py": ("data/own/images", "-o", "half"),
        "tools/heatmaps.py": ("-o", "half"),
    }[script]
    arguments = ("-c", "bicor.py", *more, "accelerator=cpu", "precision=16-mixed")
    refused(trained[0], "16-mixed", "CUDA only", "bf16-mixed", script=script, arguments=arguments)


@pytest.mark.parametrize(("share", "precision"), [("0.5", "bf16-mixed"), ("1.5", "32-true")])
def test_the_records_say_what_was_computed(own, monkeypatch, share, precision):
    monkeypatch.setenv("BICOR_BF16_TIME_SHARE", share)
    setting = ("accelerator=cpu", "precision=bf16-where-native")
    for script, more in (("train.py", ("sample_every=0",)), ("test.py", ("-o", "out"))):
        result = run_here(own, script, "-c", "bicor.py", *more, *setting)
        assert result.status == 0, result.error
    for record in ("model_weights/own/bicor/run.json", "out/results.json"):
        assert json.loads((own / record).read_text())["precision"] == precision
    result = run_here(
        own, "predict.py", "-c", "bicor.py", "data/own/images", "-o", "maps", *setting
    )
    assert result.status == 0, result.error
    record = json.loads((own / "maps/predictions.json").read_text())
    assert record["settings"]["precision"] == precision


def test_processes_that_would_compute_differently_are_refused(own):
    text = (
        'import os\nprecision = "bf16-mixed" if os.environ.get("LOCAL_RANK") == "1" else "32-true"'
    )
    with (own / "bicor.py").open("a") as config:
        config.write(text)
    settings = ("accelerator=cpu", "devices=2", "train_batch_size=1", "sample_every=0")
    result = run_script(own, "train.py", "-c", "bicor.py", *settings)
    assert result.status == 1
    assert "differ in precision (32-true, bf16-mixed)" in result.error
    assert "Traceback" not in result.error
