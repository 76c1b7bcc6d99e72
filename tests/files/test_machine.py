"""What a process may use of the machine, by made-up control groups."""

import os

import pytest

from network.files import machine


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A machine of 8 processors and 4 GiB; the process is in the control group outer/inner."""
    root = tmp_path / "cgroup"
    (root / "outer/inner").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/outer/inner\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 4194304 kB\n")
    monkeypatch.setattr(machine, "_GROUPS", root)
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {*range(8)}, raising=False)
    return root


def test_processors_are_those_of_the_process_and_its_control_groups(groups, monkeypatch):
    assert machine.usable_processors() == 8
    (groups / "outer/inner/cpu.max").write_text("max 100000\n")
    assert machine.usable_processors() == 8
    (groups / "outer/cpu.max").write_text("350000 100000\n")
    assert machine.usable_processors() == 3
    (groups / "outer/inner/cpu.max").write_text("50000 100000\n")
    assert machine.usable_processors() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    (groups / "outer/inner/cpu.max").unlink()
    assert machine.usable_processors() == 1


def test_quotas_of_the_first_version_count(groups):
    (groups / "cpu").mkdir()
    (groups / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    (groups / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert machine.usable_processors() == 8
    (groups / "cpu/cpu.cfs_quota_us").write_text("200000\n")
    assert machine.usable_processors() == 2


def test_memory_is_what_machine_and_control_groups_leave(groups):
    assert machine.free_memory() == 4 << 30
    (groups / "outer/memory.max").write_text("3000\n")
    (groups / "outer/memory.current").write_text("1000\n")
    assert machine.free_memory() == 2000
    (groups / "outer/memory.current").write_text("4000\n")
    assert machine.free_memory() == 0
