"""Windows are read ahead; whatever ends a prediction waits for the read that is under way."""

import resource
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import numpy as np
import pytest

from tests.conftest import REPOSITORY, files_of
from tests.forked import Forked
from tests.scenes.files import write_tif


@pytest.fixture(scope="module")
def large(root):
    image = np.random.default_rng(0).integers(1, 255, (3, 1500, 1500), dtype=np.uint8)
    write_tif(root / "large.tif", image, compress="deflate")
    return root


def run(root, code):
    """Python in a process of its own, which a segmentation fault ends with a negative status."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=root,
        env={"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_raster_is_not_closed_under_a_thread_that_reads(large):
    code = """
        import threading
        from network.scenes.rasters import Raster

        def read(raster, reads):
            reads.set()
            try:
                while True:
                    raster.read(0, 0, 1500, 1500)
            except Exception as error:
                print(error)

        for _ in range(10):
            reads = threading.Event()
            with Raster("large.tif") as raster:
                thread = threading.Thread(target=read, args=(raster, reads))
                thread.start()
                reads.wait()
                threading.Event().wait(0.02)
            thread.join()
        """
    result = run(large, code)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("closed") == 10


def arguments(output):
    command = "predict.py", "-c", "bicor.py", "large.tif", "-o", output
    return [*command, "--window", "64", "--overlap", "0.5", "--rgb"]


@contextmanager
def no_file_larger_than(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", [(), ("--probabilities",)], ids=["classes", "probabilities"])
def test_a_write_that_fails_ends_with_a_word(large, kind):
    """Files of more than 300 kB cannot be written, as where a disk is full."""
    before = files_of(large)
    with no_file_larger_than(300_000):
        process = Forked(large, *arguments("full"), *kind)
    _, error = process.communicate()
    assert process.returncode == 1, (process.returncode, error)
    assert "Traceback" not in error
    assert "error: cannot write full/" in error
    names = [path.name for path in (large / "full").rglob("*") if path.is_file()]
    assert names == ["predictions.json"]
    (large / "full/predictions.json").unlink()
    assert files_of(large) == before


@pytest.mark.parametrize(
    ("sent", "status", "word", "processes"),
    [
        (signal.SIGINT, 130, "interrupted", "1"),
        (signal.SIGTERM, 143, "terminated", "1"),
        (signal.SIGTERM, 143, "terminated", "2"),
    ],
)
def test_a_prediction_that_is_ended_leaves_nothing_half_written(
    large, sent, status, word, processes
):
    output = large / f"stopped_{status}_{processes}"
    output.mkdir()
    process = Forked(large, *arguments(output.name), "--processes", processes)
    deadline = time.monotonic() + 120
    while not list(output.glob(".large.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(sent)
    _, error = process.communicate(timeout=60)
    assert process.returncode == status, error
    assert word in error
    assert "Traceback" not in error
    files = [path.name for path in output.rglob("*") if path.is_file()]
    assert files == ["predictions.json"]
