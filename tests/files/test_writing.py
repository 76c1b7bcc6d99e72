"""Files that are written whole or not at all."""

import os
import stat
import threading

import pytest

from network.errors import OutputError
from network.files.staging import beside, staged, staged_outputs
from network.files.writing import replacing, write_json


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o027])
def test_new_files_have_the_permissions_that_the_umask_leaves(tmp_path, umask, mask):
    umask(mask)
    write_json(tmp_path / "new" / "file.json", {})
    assert stat.S_IMODE((tmp_path / "new/file.json").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o777 & ~mask
    with beside([tmp_path / "folder"]) as (aside,):
        assert stat.S_IMODE(aside.stat().st_mode) == 0o777 & ~mask


def test_writing_never_changes_the_umask(tmp_path, monkeypatch):
    """Another thread would create its files with any permissions meanwhile."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask is changed"))
    write_json(tmp_path / "file.json", {})
    with beside([tmp_path / "folder"]):
        pass


def test_threads_that_write_one_file_do_not_meet(tmp_path):
    path = tmp_path / "file.txt"
    both = threading.Barrier(2)
    names = []

    def write(text):
        with replacing(path) as temporary:
            names.append(temporary)
            temporary.write_text(text)
            both.wait(10)

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 2
    assert path.read_text() in ("one", "two")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_fault_leaves_what_was_there(tmp_path, fault):
    path = tmp_path / "file.txt"
    path.write_text("before")
    with pytest.raises(fault), replacing(path) as temporary:
        temporary.write_text("half")
        raise fault
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot write .*file/map\.tif"),
        replacing(tmp_path / "file/map.tif"),
    ):
        pass


def written_to(output, blocked):
    with staged_outputs(output) as aside:
        path = aside / blocked.relative_to(output) / "map.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("new")


def split_to(output, blocked):
    with staged([output.with_name("images"), blocked]) as aside:
        for folder in aside:
            (folder / "patch.png").write_text("new")


@pytest.mark.parametrize(
    ("write", "blocked"),
    [(split_to, "out"), (split_to, "out/below"), (written_to, "out/below")],
)
def test_a_link_to_nothing_in_the_place_of_a_folder_is_refused_without_a_trace(
    tmp_path, write, blocked
):
    blocked = tmp_path / blocked
    blocked.parent.mkdir(exist_ok=True)
    blocked.symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=r"cannot write .*(out|below): it is a link to nothing"):
        write(tmp_path / "out", blocked)
    assert sorted(tmp_path.rglob("*")) == before
