"""A report of a folder that came from somebody else runs nothing that lies in it."""

import json
import shutil

import pytest

from tests.conftest import refused, run_here
from tests.report.test_report import contents_of

REPORT = "tools/report.py"


@pytest.fixture(scope="module")
def tested(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("trust") / "work"
    shutil.copytree(trained[0], root)
    result = run_here(root, "test.py", "-c", "bicor.py", "-o", "out")
    assert result.status == 0, result.error
    (root / "foreign.py").write_text(
        'open("harm", "w").close()\n' + (root / "bicor.py").read_text()
    )
    rewrite(root, config="foreign.py")
    return root


def rewrite(root, **changes):
    path = root / "out/results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def page_of(root, *arguments):
    result = run_here(root, REPORT, "out", *arguments)
    assert result.status == 0, result.error
    return result.out, contents_of((root / "out/report.html").read_text(encoding="utf-8"))


def test_the_config_that_only_the_results_name_is_not_executed(tested):
    said, shown = page_of(tested)
    assert not (tested / "harm").exists()
    assert len(shown["scores"]) == 1
    assert shown["viewer"] == []
    for text in (said, shown["previews"]):
        assert "Only scores" in text
        assert "-c CONFIG" in text


def test_the_config_of_the_command_line_is(tested):
    _, shown = page_of(tested, "-c", "bicor.py")
    assert len(shown["viewer"]) == len(shown["images"]) == 2
    assert not (tested / "harm").exists()
    page_of(tested, "-c", "foreign.py")
    assert (tested / "harm").exists()


def test_overrides_of_the_results_are_taken(tested, tmp_path):
    shutil.copytree(tested, tmp_path / "work")
    rewrite(tmp_path / "work", overrides=["net.embed_dim=48"])
    arguments = ("out", "-c", "bicor.py")
    refused(tmp_path / "work", "best.ckpt", script=REPORT, arguments=arguments)
    for strange in ("net.embed_dim=32", [3], None):
        rewrite(tmp_path / "work", overrides=strange)
        refused(tmp_path / "work", "overrides", "test again", script=REPORT, arguments=arguments)


def test_a_checkpoint_alone_makes_no_viewer(tested):
    arguments = ("out", "--ckpt", "model_weights/own/bicor/best.ckpt")
    refused(tested, "--ckpt", "without --config", script=REPORT, arguments=arguments)
