"""tools/curves.py on a study."""

from tests.conftest import refused, succeed_here
from tests.studies.conftest import weights

ARGUMENTS = ("small.py", "-o", "out/curves")


def test_curves_of_a_study_are_those_of_its_runs(fresh):
    refused(fresh, "none of these runs has a log yet", script="tools/curves.py",
            arguments=ARGUMENTS)  # fmt: skip
    log = fresh / "lightning_logs/own/small.BiCoR-Seg.seed_3/version_0"
    log.mkdir(parents=True)
    (log / "metrics.csv").write_text("epoch,step,val_mIoU\n0,1,0.5\n1,2,0.25\n")
    folder = weights(fresh, "BiCoR-Seg")
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(f'{{"log": "{log.relative_to(fresh)}"}}')
    result = succeed_here(fresh, "tools/curves.py", *ARGUMENTS)
    assert "note: plain ResNet, seed 3 has no log yet" in result.out
    assert "1 runs in out/curves.png" in result.out
    assert (fresh / "out/curves.pdf").read_bytes().startswith(b"%PDF")
