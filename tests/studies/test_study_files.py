"""Study files: what they may say, and those of config/."""

from pathlib import Path

import pytest

from network.errors import ConfigError
from network.experiment import Experiment
from network.studies import Study
from network.studies.sources import code_of
from network.studies.study import run
from network.studies.task import default_output, tasks_of
from tests.conftest import REPOSITORY
from tests.studies.conftest import STUDY

FILES = sorted((REPOSITORY / "config").glob("*/studies/*.py"))


def load(root, text):
    (root / "small.py").write_text(text)
    return Study.load(root / "small.py")


def test_what_a_study_says(fresh, monkeypatch):
    monkeypatch.chdir(fresh)
    study = Study.load("small.py")
    assert study.runs["plain ResNet"] == run("bicor.py", "max_epoch=2", "net.backbone=test_resnet")
    assert (study.seeds, study.reference, study.tta, study.split) == (
        (3,),
        "BiCoR-Seg",
        "none",
        "test",
    )
    assert str(default_output(study)) == "fig_results/own/small"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed = (1, 2)", "unknown setting 'seed'; did you mean 'seeds'"),
        ("del runs", "does not set 'runs'"),
        ("runs = {}", "no run, or no seed"),
        ("seeds = ()", "no run, or no seed"),
        ("seeds = (0, 1.5)", r"seeds=\(0, 1.5\) is not of type"),
        ("seeds = (0, -1)", r"seeds=\[0, -1\]: whole numbers from 0"),
        ("seeds = (0, 1, 0)", "each once"),
        ("reference = 'BiCor-Seg'", "reference: no run 'BiCor-Seg'; did you mean 'BiCoR-Seg'"),
        ("tta = 'd8'", "tta='d8': one of none, lr, d4"),
        ("split = 'train'", "split='train': one of test, val"),
        ("runs = {'a': 'bicor.py'}", "runs=.* is not of type"),
        ("runs = {'a': run('bicor.py', ['lr=1'])}", "'a': settings are texts"),
        ("runs = {'a': run('bicor.py', 'seed=1')}", "'a' sets seed=1, but a study gives the seeds"),
        ("runs = {'a': run('bicor.py', 'name=b')}", "'a' sets name=b, but a study gives the name"),
        ("runs = {'..': run('bicor.py')}", "'..' cannot name a run"),
        ("runs = {3: run('bicor.py')}", "3 cannot name a run"),
        ("images = 3", "images=3 is not of type"),
        ("folds = {'a': ('lr=1',)}", "at least two, or none"),
        ("folds = {'a': ('seed=1',), 'b': ()}", "'a' sets seed=1, but a study gives the seeds"),
        ("folds = {'a': (1,), 'b': ()}", "folds=.* is not of type"),
        ("folds = {'a': 'dataset.val=x', 'b': ()}", "folds=.* is not of type"),
        ("folds = {'a': (), '..': ()}", "'..' cannot name a fold"),
        ("folds = {'a': (), 'A': ()}", "the folds 'a' and 'A' would share the folder"),
        (
            "runs = {'a b': run('bicor.py'), 'A/b': run('bicor.py')}",
            "'a b' and 'A/b' would share the folder",
        ),
    ],
)
def test_faulty_studies(fresh, line, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(fresh, f"{STUDY}\nreference = None\n{line}\n")
    assert str(fresh / "small.py") in str(caught.value)


def test_faults_in_configs_are_named_with_their_run(fresh, monkeypatch, tmp_path):
    monkeypatch.chdir(fresh)
    for text, message in (
        ("net.backbon=resnet18", "'a': override .* did you mean 'backbone'"),
        ("max_epoch=0", "'a': .*at least 1"),
    ):
        study = load(fresh, f"{STUDY}\nreference = None\nruns = {{'a': run('bicor.py', '{text}')}}")
        with pytest.raises(ConfigError, match=message):
            tasks_of(study, tmp_path)
    with pytest.raises(ConfigError, match=r"no study file none\.py"):
        Study.load("none.py")
    study = load(fresh, STUDY)
    with pytest.raises(ConfigError, match="--only: no run 'BiCoR'; did you mean 'BiCoR-Seg'"):
        tasks_of(study, tmp_path, ["BiCoR"])
    with pytest.raises(ConfigError, match=r"--seed 1: .* has the seeds 3"):
        tasks_of(study, tmp_path, (), [1])
    with pytest.raises(ConfigError, match="--fold: no fold 'a'"):
        tasks_of(study, tmp_path, (), (), ["a"])


def test_comments_and_docstrings_are_no_code():
    code = 'x = "#"  # one\n\n\ndef f():\n    """Say."""\n    return """a\n    # b\n    """\n'
    assert code_of(code) == 'x = "#"\ndef f():\n    return """a\n    # b\n    """'


def test_there_are_studies_for_every_dataset():
    datasets = {path.parent.name for path in (REPOSITORY / "config").glob("*/bicor.py")}
    found = {(path.parts[-3], path.stem) for path in FILES}
    assert found == {("demo", "small"), ("dubai", "folds"), ("dubai", "recipe")} | {
        (dataset, name) for dataset in datasets - {"demo"} for name in ("methods", "ablation")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_the_runs_of_every_study_differ_only_in_what_is_compared(path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    study = Study.load(path.relative_to(REPOSITORY))
    assert study.reference == "BiCoR-Seg"
    reference = study.runs[study.reference]
    assert reference.config.parent == Path(f"config/{path.parts[-3]}")
    assert reference.config.stem.startswith("bicor")
    expected = Experiment.load(*reference)
    same = {"max_epoch", "train_batch_size", "repeat", "lr", "backbone_lr", "warmup_epoch",
            "monitor", "dataset", "transform", "precision"}  # fmt: skip
    compared = {"net", "loss"}
    if path.stem == "recipe":
        compared |= {"transform", "lookahead_k", "class_weights"}
    kinds = set()
    for name, each in study.runs.items():
        experiment = Experiment.load(*each)
        found, wanted = experiment.settings(), expected.settings()
        for setting in same - compared:
            assert found[setting] == wanted[setting], name
        assert experiment.net.keywords["backbone"] == expected.net.keywords["backbone"], name
        kinds.add(tuple(str(found[setting]) for setting in sorted(compared)))
    assert len(kinds) == len(study.runs)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_network_and_loss_of_every_run_fit_each_other(path, monkeypatch):
    import torch

    from network.models.output import segment

    monkeypatch.chdir(REPOSITORY)
    for config, overrides in Study.load(path).runs.values():
        tiny = ("net.backbone=test_resnet", "net.pretrained=False", "class_weights=None")
        experiment = Experiment.load(config, [*overrides, *tiny])
        spec = experiment.build_dataset().spec
        out = segment(experiment.build_net(spec), torch.randn(2, 3, 64, 64), spec.num_classes)
        loss = experiment.with_loss(lambda out=out: len(out.heatmaps) > 0).build_loss(spec)
        terms = loss(out, torch.randint(0, spec.num_classes, (2, 64, 64)))
        assert terms["total"].isfinite()
