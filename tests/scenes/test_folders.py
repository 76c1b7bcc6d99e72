"""A folder goes on whatever is wrong with one of its files; what is finished is known."""

import errno
import json
import os
import shutil
import threading

import numpy as np
import pytest
import rasterio

from network.scenes.map_writer import MapWriter
from network.scenes.rasters import Raster
from tests.conftest import files_of, refused
from tests.scenes.files import predict, write_tif


@pytest.fixture
def work(root, tmp_path):
    """A folder of three scenes to predict."""
    work = tmp_path / "work"
    shutil.copytree(root, work)
    rng = np.random.default_rng(0)
    for name in "abc":
        write_tif(work / f"flight/{name}.tif", rng.integers(0, 255, (3, 60, 70), dtype=np.uint8))
    return work


def spoil(monkeypatch, error, name="b.tif"):
    """Reading windows of one file ends in an error."""
    read = Raster.read

    def fails(self, *window):
        if self.path.name == name:
            raise error
        return read(self, *window)

    monkeypatch.setattr(Raster, "read", fails)


def maps(folder):
    return sorted(path.name for path in folder.glob("*.tif"))


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("a defect"),
        AssertionError(),
        MemoryError("of the machine"),
        RecursionError("too deep"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a tag"),
        OSError(errno.EIO, "Input/output error"),
        PermissionError(errno.EACCES, "Permission denied"),
        RuntimeError("of torch"),
        StopIteration(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_fault_of_a_file_is_named_and_the_others_go_on(work, monkeypatch, error):
    spoil(monkeypatch, error)
    before = files_of(work)
    result = predict(work, "flight", "-o", "maps", status=1)
    assert "Traceback" not in result.error
    (first,) = [line for line in result.error.splitlines() if "error: flight/b.tif" in line]
    assert type(error).__name__ in first
    assert result.error.rstrip().endswith(
        "error: 1 of 3 images could not be predicted: flight/b.tif"
    )
    assert maps(work / "maps") == ["a.tif", "c.tif"]
    assert list(json.loads((work / "maps/predictions.json").read_text())["finished"]) == [
        str(work / "flight/a.tif"),
        str(work / "flight/c.tif"),
    ]
    assert not list((work / "maps").glob(".*"))
    assert before.items() <= files_of(work).items()


def test_faults_of_opening_are_those_of_the_file(work, monkeypatch):
    opened, made = rasterio.open, Raster.__init__

    def no_file(path, *args, **settings):
        if str(path).endswith("flight/b.tif"):
            raise SystemError("inside a library")
        return opened(path, *args, **settings)

    def no_raster(self, path, *args):
        if path.name == "c.tif":
            raise LookupError("inside a library")
        made(self, path, *args)

    monkeypatch.setattr("rasterio.open", no_file)
    monkeypatch.setattr(Raster, "__init__", no_raster)
    result = predict(work, "flight", "-o", "maps", status=1)
    assert "2 of 3 images could not be predicted: flight/b.tif, flight/c.tif" in result.error
    assert maps(work / "maps") == ["a.tif"]


def test_one_image_alone_ends_with_its_fault(work, monkeypatch):
    spoil(monkeypatch, ZeroDivisionError("a defect"))
    result = predict(work, "flight/b.tif", "-o", "maps", status=1)
    assert result.error.rstrip().endswith("error: flight/b.tif: ZeroDivisionError: a defect")


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device"),
    ],
    ids=["Ctrl-C", "full disk"],
)
def test_what_the_others_would_meet_too_ends_it(work, monkeypatch, error, status, word):
    spoil(monkeypatch, error)
    result = predict(work, "flight", "-o", "maps", status=status)
    assert word in result.error
    assert maps(work / "maps") == ["a.tif"]
    assert not list((work / "maps").glob(".*"))


def test_maps_of_one_image_are_written_while_the_next_is_predicted(work, monkeypatch):
    read, write = Raster.read, MapWriter.write
    next_is_read = threading.Event()
    waited = []

    def reads(self, *window):
        if self.path.name == "b.tif":
            next_is_read.set()
        return read(self, *window)

    def writes(self, *args):
        waited.append(next_is_read.wait(30))
        write(self, *args)

    monkeypatch.setattr(Raster, "read", reads)
    monkeypatch.setattr(MapWriter, "write", writes)
    predict(work, "flight", "-o", "maps")
    assert waited == [True] * 3
    assert maps(work / "maps") == ["a.tif", "b.tif", "c.tif"]


def test_a_fault_of_writing_is_that_of_its_image(work, monkeypatch):
    write = MapWriter.write

    def fails(self, *args):
        if self.raster.path.name == "b.tif":
            raise ZeroDivisionError("a defect")
        write(self, *args)

    monkeypatch.setattr(MapWriter, "write", fails)
    result = predict(work, "flight", "-o", "maps", status=1)
    assert "error: flight/b.tif: ZeroDivisionError: a defect" in result.error
    assert maps(work / "maps") == ["a.tif", "c.tif"]
    assert not list((work / "maps").glob(".*"))


def test_what_is_skipped_is_named(work):
    for name in ("d.jp2", "e.img", "notes.txt", "a.tfw"):
        (work / "flight" / name).write_bytes(b"")
    result = predict(work, "flight", "-o", "maps")
    assert "note: skipped in flight: d.jp2, e.img; images of a folder end in" in result.out
    assert maps(work / "maps") == ["a.tif", "b.tif", "c.tif"]


def test_finished_holds_for_the_very_input_and_the_very_output(work):
    predict(work, "flight", "-o", "maps", "--rgb")
    assert predict(work, "flight", "-o", "maps", "--rgb").out.count("finished before") == 3
    whole = files_of(work / "maps")
    rng = np.random.default_rng(1)
    write_tif(work / "flight/a.tif", rng.integers(0, 255, (3, 60, 70), dtype=np.uint8))
    (work / "maps/rgb/b.tif").unlink()
    result = predict(work, "flight", "-o", "maps", "--rgb")
    assert result.out.splitlines()[-2:] == [
        "flight/c.tif: finished before",
        "3 images predicted; maps of classes in maps",
    ]
    after = files_of(work / "maps")
    changed = {str(name) for name in whole if after[name] != whole[name]}
    assert {"a.tif", "rgb/a.tif"} <= changed
    assert changed <= {"a.tif", "rgb/a.tif", "predictions.json"}


def test_a_map_that_changed_is_neither_finished_nor_replaced(work):
    predict(work, "flight", "-o", "maps")
    (work / "maps/b.tif").write_bytes((work / "maps/a.tif").read_bytes())
    arguments = ("-c", "bicor.py", "flight", "-o", "maps")
    refused(work, "maps/b.tif", "changed since", script="predict.py", arguments=arguments)


def test_another_input_of_the_same_name_replaces_nothing(work):
    predict(work, "flight", "-o", "maps")
    shutil.copytree(work / "flight", work / "second")
    arguments = ("-c", "bicor.py", "second", "-o", "maps")
    refused(work, "maps/a.tif was written of", script="predict.py", arguments=arguments)
    result = predict(work, "flight", "-o", "maps")
    assert result.out.count("finished before") == 3
    shutil.rmtree(work / "flight")
    predict(work, "second", "-o", "maps")  # what it was of is gone


def test_a_file_that_appears_meanwhile_is_not_replaced(work, monkeypatch):
    read = Raster.read

    def and_write(self, *window):
        if self.path.name == "b.tif":
            (work / "maps/b.tif").write_text("of another program")
        return read(self, *window)

    monkeypatch.setattr(Raster, "read", and_write)
    result = predict(work, "flight", "-o", "maps", status=1)
    assert "maps/b.tif: not written by an earlier run" in result.error
    assert (work / "maps/b.tif").read_text() == "of another program"


@pytest.mark.parametrize("mode", ["folder", "file", "relative", "link", "linked folder", "map"])
def test_maps_never_replace_what_is_read(work, mode):
    """GeoTIFFs, whose maps have their names."""
    (work / "link").symlink_to("flight")
    (work / "links").mkdir()
    (work / "links/a.tif").symlink_to("../flight/a.tif")
    (work / "out").mkdir(exist_ok=True)
    (work / "out/rgb").symlink_to("../flight")
    inputs, output = {
        "folder": (["flight"], "flight"),
        "file": (["flight/a.tif"], "flight"),
        "relative": (["flight/a.tif"], "maps/../flight/../flight"),
        "link": (["links/a.tif"], "flight"),
        "linked folder": (["flight/a.tif"], "link"),
        "map": (["flight", "--rgb"], "out"),
    }[mode]
    if mode == "relative":
        (work / "maps").mkdir()
    words = ("read from", "write to another folder")
    arguments = ("-c", "bicor.py", *inputs, "-o", output)
    refused(work, *words, script="predict.py", arguments=arguments)


def test_hard_links_of_inputs_and_foreign_files_are_not_replaced(work):
    (work / "maps").mkdir()
    os.link(work / "flight/a.tif", work / "maps/a.tif")
    arguments = ("-c", "bicor.py", "flight", "-o", "maps")
    refused(work, "maps/a.tif: not written by", script="predict.py", arguments=arguments)
    (work / "maps/a.tif").unlink()
    (work / "maps/a.tif").symlink_to("nowhere.tif")
    refused(work, "maps/a.tif: not written by", script="predict.py", arguments=arguments)
    (work / "maps/a.tif").unlink()
    (work / "maps/predictions.json").write_text('{"of": "another program"}')
    refused(work, "is not from predict.py", script="predict.py", arguments=arguments)


def test_what_is_left_of_other_settings_is_named(work):
    predict(work, "flight", "-o", "maps", "--rgb")
    result = predict(work, "flight", "-o", "maps", "--no-cog")
    assert "all are predicted again" in result.out
    names = ", ".join(f"maps/rgb/{name}.tif" for name in "abc")
    assert f"note: of other settings, and left there: {names}\n" in result.out


def test_what_qgis_writes_beside_a_map_leaves_it_finished(work):
    predict(work, "flight/a.tif", "-o", "maps")
    for name, text in (("a.tif.aux.xml", "<PAMDataset/>"), ("a.qml", "<qgis/>")):
        (work / "maps" / name).write_text(text)
    assert "finished before" in predict(work, "flight/a.tif", "-o", "maps").out
    arguments = ("-c", "bicor.py", "flight/a.tif", "-o", "maps", "-t", "lr")
    last = refused(work, "maps/a.qml: not written", script="predict.py", arguments=arguments)
    assert "aux.xml" not in last
    (work / "maps/a.qml").unlink()
    predict(work, "flight/a.tif", "-o", "maps", "-t", "lr")
    assert "CategoryNames" in (work / "maps/a.tif.aux.xml").read_text()
