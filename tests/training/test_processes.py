"""Two processes are one with their common batch: losses, gradients, counts, whole trainings."""

import csv
import shutil
import subprocess
import sys

import pytest
import timm
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from timm.layers import convert_sync_batchnorm
from torch.nn.parallel import DistributedDataParallel

from network.datasets.catalog import VAIHINGEN
from network.datasets.samplers import EpochSampler, ShareSampler
from network.losses import BiCoRLoss
from network.losses.fisher import fisher
from network.metrics import Averages, Confusion
from network.models import BiCoR
from network.processes import average_buffers, random_states, restore_random_state, total
from tests.conftest import REPOSITORY, refused, run_script, succeed, succeed_here

CLASSES = 6


def build():
    torch.manual_seed(5)
    net = BiCoR("test_convnext", num_classes=CLASSES, embed_dim=32, min_pixels=4, topk_ratio=0.3)
    weights = {"fisher_weight": [0.1, 1.1], "class_weights": [3.0, 1.0, 1.0, 1.0, 0.5, 2.0]}
    return net.double().train(), BiCoRLoss(CLASSES, **weights).train()


def whole_batch():
    """Four images; what counts is spread unevenly, and one class is in one half only."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(4, 3, 64, 64, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, CLASSES - 1, (4, 64, 64), generator=generator)
    mask[0, :50] = CLASSES
    mask[3, :20] = CLASSES - 1
    return image, mask


def join(rank, folder):
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)


def in_two_processes(work, folder):
    mp.spawn(work, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def losses_and_gradients(rank, folder):
    join(rank, folder)
    net, loss = build()
    image, mask = (part[rank::2] for part in whole_batch())
    model = DistributedDataParallel(net)
    terms = loss(model(image), mask)
    terms["total"].backward()
    terms = {name: term.item() for name, term in terms.items()}
    gradients = {name: p.grad for name, p in net.named_parameters()}
    torch.save((terms, gradients), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_losses_and_gradients(tmp_path):
    net, loss = build()
    image, mask = whole_batch()
    terms = loss(net(image), mask)
    terms["total"].backward()
    for found, gradients in in_two_processes(losses_and_gradients, tmp_path):
        assert found == pytest.approx({k: v.item() for k, v in terms.items()}, rel=1e-9)
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(gradients[name], parameter.grad, rtol=0, atol=1e-9)
    # Each half for itself has other losses, so the agreement above is not for nothing.
    half = loss(net(image[::2]), mask[::2])
    assert all(abs(half[name] - terms[name]) > 1e-4 for name in terms)


def small_parts(rank, folder):
    join(rank, folder)
    embeddings = torch.tensor([[[0.0, 0.0], [4.0, 0.0]], [[2.0, 0.0], [4.0, 2.0]]])[rank][None]
    confusion, averages = Confusion(VAIHINGEN), Averages()
    for index in ShareSampler(7):
        confusion.update(torch.full((1, 2, 2), index % 6), torch.full((1, 2, 2), (index + 1) % 6))
        averages.update({"main": torch.tensor(float(index))}, weight=index + 1)
    norm = torch.nn.BatchNorm2d(1)
    norm.running_mean.fill_(rank)
    average_buffers(norm)
    torch.manual_seed(rank)
    states = random_states(torch.device("cpu"))
    drawn = torch.rand(3)
    restore_random_state(states, torch.device("cpu"))
    found = {
        "fisher": fisher(embeddings, total).item(),
        "state": confusion.state(),
        "confusion": confusion.compute(),
        "mean": averages.compute()["main"],
        "keys": list(EpochSampler(5, 2, seed=3)),
        "running_mean": norm.running_mean.item(),
        "drawn_again": torch.equal(drawn, torch.rand(3)),
        "drawn": drawn,
    }
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_counts_means_samples_and_states(tmp_path):
    first, second = in_two_processes(small_parts, tmp_path)
    confusion = Confusion(VAIHINGEN)
    for index in range(7):
        confusion.update(torch.full((1, 2, 2), index % 6), torch.full((1, 2, 2), (index + 1) % 6))
    alone = list(EpochSampler(5, 2, seed=3))
    for found in (first, second):
        # Worked out by hand in tests/test_losses.py, on one process.
        assert found["fisher"] == pytest.approx(1 / (10 + 1e-6))
        assert torch.equal(found["confusion"], confusion.compute())
        assert torch.equal(found["state"], confusion.compute())
        assert found["confusion"].sum() == 7 * 4
        assert found["mean"] == sum(i * (i + 1) for i in range(7)) / sum(i + 1 for i in range(7))
        assert found["running_mean"] == 0.5
        assert found["drawn_again"]
    assert not torch.equal(first["drawn"], second["drawn"])
    assert [
        key for pair in zip(first["keys"], second["keys"], strict=True) for key in pair
    ] == alone


def log_of(root):
    with (root / "lightning_logs/own/bicor/version_0/metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


QUICK = ("max_epoch=2", "repeat=3", "accelerator=cpu", "sample_every=0", "val_batch_size=1")


@pytest.fixture(scope="module")
def alone(folder_template, tmp_path_factory):
    """A training by one process with batches of four; three validation images."""
    root = tmp_path_factory.mktemp("alone") / "work"
    shutil.copytree(folder_template, root)
    spec = (root / "data/own/dataset.yaml").read_text()
    (root / "data/own/dataset.yaml").write_text(
        "\n".join(line for line in spec.splitlines() if not line.startswith("val:"))
        + '\nval: ["*_val*", "scene_000*"]\n'
    )
    succeed(root, "train.py", "-c", "bicor.py", *QUICK, "train_batch_size=4")
    return root


# The loss of the step ``at`` is not finite, or one process meets an unreadable image there.
STOPS = """
from network.errors import DataError
from network.losses import BiCoRLoss
from network.processes import rank_and_processes

class Stops(BiCoRLoss):
    def __init__(self, ignore_index, at=0, one=False):
        super().__init__(ignore_index)
        self.at, self.one = at, one

    def forward(self, out, mask):
        self.at -= self.training
        if self.at == 0 and self.one and rank_and_processes() == (1, 2):
            raise DataError("cannot read image 7")
        terms = super().forward(out, mask)
        return {name: term / (self.at != 0) for name, term in terms.items()}

loss = partial(Stops)
"""


def pair(alone, root):
    shutil.copytree(alone, root, ignore=shutil.ignore_patterns("model_weights", "lightning_logs"))
    return root


def same_logs(a, b):
    assert len(a) == len(b) == 2
    for one, two in zip(a, b, strict=True):
        assert one == pytest.approx(two, rel=1e-6, abs=1e-6, nan_ok=True)


def test_a_training_by_two_processes_is_that_by_one(alone, tmp_path):
    root = pair(alone, tmp_path / "two")
    result = succeed(root, "train.py", "-c", "bicor.py", *QUICK, "train_batch_size=2", "devices=2")
    same_logs(log_of(root), log_of(alone))
    assert result.out.count("best checkpoint:") == 1
    assert result.out.count("epoch 2 of 2") == 1


TUNED = ("backbone_lr=1e-4", "decay_norms_and_biases=False", "freeze_backbone=1", "ema_decay=0.9",
         "class_weights=auto", "transform.balance=0.5", "lr=1e-3")  # fmt: skip


def test_a_tuned_training_by_two_processes_is_that_by_one(alone, tmp_path):
    one, two = pair(alone, tmp_path / "one"), pair(alone, tmp_path / "two")
    command = ("train.py", "-c", "bicor.py", *QUICK, *TUNED)
    succeed_here(one, *command, "train_batch_size=4")
    succeed(two, *command, "train_batch_size=2", "devices=2")
    for row, expected in zip(log_of(two), log_of(one), strict=True):
        assert row == pytest.approx(expected, abs=3e-4, nan_ok=True)
    assert "lr_backbone" in log_of(two)[0]
    last = "model_weights/own/bicor/last.ckpt"
    weights, expected = (
        torch.load(root / last, weights_only=True)["state_dict"] for root in (two, one)
    )
    assert weights.keys() == expected.keys()
    assert any(name.startswith("raw.") for name in weights)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-4)


def test_a_run_moves_to_more_processes_in_the_middle_of_an_epoch(alone, tmp_path):
    root = pair(alone, tmp_path / "moved")
    command = ("train.py", "-c", "bicor.py", *QUICK, "checkpoint_every_minutes=1e-9")
    with (root / "bicor.py").open("a") as config:
        config.write(STOPS)
    stopped = run_script(root, *command, "train_batch_size=4", "loss.at=2")
    assert stopped.status == 1
    assert "step 2 of" not in stopped.out
    refused(root, "images per step 4, now 8",
            arguments=(*command[1:], "train_batch_size=4", "devices=2", "--resume", "auto"),
            )  # fmt: skip
    moved = succeed(root, *command, "train_batch_size=2", "devices=2", "--resume", "auto")
    assert "going on from step 1 of" in moved.out
    same_logs(log_of(root), log_of(alone))


def test_parameters_that_the_loss_does_not_reach(alone, tmp_path):
    root = pair(alone, tmp_path / "ablation")
    result = succeed(root, "train.py", "-c", "bicor.py", *QUICK, "max_epoch=1", "devices=2",
                     "train_batch_size=2", "loss.aux_weight=0")  # fmt: skip
    (note,) = [line for line in result.out.splitlines() if "stay as they are" in line]
    assert note.startswith("note: ") and note.endswith(": aux_class_weights.weight")


def test_a_process_that_ends_takes_the_others_with_it(alone, tmp_path):
    root = pair(alone, tmp_path / "ends")
    with (root / "bicor.py").open("a") as config:
        config.write(STOPS)
    result = run_script(root, "train.py", "-c", "bicor.py", *QUICK, "train_batch_size=2",
                        "devices=2", "max_epoch=4", "loss.at=4", "loss.one=True")  # fmt: skip
    assert result.status != 0
    assert "error: cannot read image 7" in result.error
    assert "Traceback" not in result.error
    assert "deprecated" not in result.error
    assert "Warning" not in result.error
    assert "what was trained is kept in model_weights/own/bicor/last.ckpt" in result.error


def test_torchrun(alone, tmp_path):
    root = pair(alone, tmp_path / "torchrun")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    script = [str(REPOSITORY / "train.py"), "-c", "bicor.py", *QUICK, "train_batch_size=2"]

    def run(*arguments):
        command = [*launcher, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", *script]
        return subprocess.run(
            [*command, *arguments], cwd=root, capture_output=True, text=True, check=False
        )

    result = run()
    assert result.returncode == 0, result.stderr
    same_logs(log_of(root), log_of(alone))
    result = run("devices=3", "name=other")
    assert result.returncode != 0
    assert "torchrun started 2 processes on each of 1 nodes" in result.stderr


def test_too_few_images_for_the_processes(own):
    arguments = ("-c", "bicor.py", "accelerator=cpu", "devices=3", "train_batch_size=1")
    refused(own, "3 processes, but only 2 validation images", arguments=arguments)
    arguments = ("-c", "bicor.py", "accelerator=cpu", "devices=2", "train_batch_size=3")
    refused(own, "only 2 training images (per process)", arguments=arguments)


def test_batch_norm_is_not_synchronised_on_a_cpu(own):
    refused(own, "CUDA only", arguments=("-c", "bicor.py", "accelerator=cpu",
                                         "sync_batchnorm=True"))  # fmt: skip


def test_synchronised_norms_keep_their_activations_and_names():
    torch.manual_seed(0)
    net = timm.create_model("test_efficientnet", features_only=True).eval()
    x = torch.randn(1, 3, 64, 64)
    expected = net(x)
    names = list(net.state_dict())
    synchronised = convert_sync_batchnorm(net)
    assert any(isinstance(m, torch.nn.SyncBatchNorm) for m in synchronised.modules())
    assert list(synchronised.state_dict()) == names
    torch.testing.assert_close(synchronised.eval()(x), expected)
