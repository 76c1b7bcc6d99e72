"""Costs from tools/complexity.py as columns of tools/compare.py."""

import json
import shutil

import pytest

from tests.comparison.folders import counts, write_test
from tests.conftest import refused, succeed_here

COMPARE = "tools/compare.py"
NETWORK = "Net(width=8)"
MACHINE = {"device": "CPU, 2 cores", "threads": 2, "torch": "2.15.0", "python": "3.12.1"}


def entry(config="config/bicor.py", **changes):
    return {
        "config": config,
        "network": NETWORK,
        "classes": 2,
        "bands": 3,
        "device": "cpu",
        "precision": "32-true",
        "parameters": {"all": 12_345_678, "trained": 12_000_000, "backbone": None},
        "inference": {"multiply_adds": 5_000_000_000, "flops": 10_000_000_000, "uncounted": []},
        "training": {"multiply_adds": 1, "flops": 2, "uncounted": []},
        "timing": None,
    } | changes


def timing(images, seconds, memory):
    speed = {"images": images, "seconds": seconds, "memory": memory}
    return {"single": speed, "batch": speed, "training": speed}


def write_costs(path, *entries, overrides=()):
    protocol = {"size": 512, "batch": 4, "overrides": list(overrides), "machine": MACHINE}
    path.write_text(json.dumps({"protocol": protocol, "networks": list(entries)}))


@pytest.fixture
def town(tmp_path):
    """Tests of two methods of one network."""
    for name in ("a", "b"):
        settings = {"net": NETWORK, "seed": "0"}
        write_test(tmp_path / name, counts((80, 80), (60, 60)), settings=settings)
    return tmp_path


ARGUMENTS = ("bicor=a", "unet=b", "-o", "out", "--costs", "costs.json")


def compared(root):
    succeed_here(root, COMPARE, *ARGUMENTS)
    table = json.loads((root / "out/table.json").read_text())
    return [method["cost"] for method in table["methods"]], table["caption"]


def test_counts_time_and_memory_are_taken(town):
    write_costs(town / "costs.json", entry(timing=timing(4, 0.5, 700_000_000)))
    (bicor, unet), caption = compared(town)
    assert bicor == {
        "parameters": 12_345_678,
        "multiply_adds": 5_000_000_000,
        "flops": 10_000_000_000,
        "images_per_second": 8.0,
        "peak_memory": 700_000_000,
    }
    assert set(unet.values()) == {None}
    assert (
        "Costs: one image of 512x512 pixels, 3 bands; a multiply-add is two FLOPs; counted are "
        "convolutions and products of matrices; images per second and peak memory of inference in "
        "batches of 4, 32-true on CPU, 2 cores, 2 threads; torch 2.15.0."
    ) in caption
    row = (town / "out/table.md").read_text().splitlines()[2]
    assert row.endswith("| 12.35 | 5.00 | 10.00 | 8 | 700 |")


def test_what_was_not_counted_is_a_dash_with_a_note(town):
    part = {"multiply_adds": 1, "flops": 2, "uncounted": ["fft_r2c in Net.mixer"]}
    write_costs(
        town / "costs.json",
        entry(inference=part),
        entry("unet.py", timing=timing(4, 0.5, None)),
        overrides=["net.width=8"],
    )
    (bicor, unet), caption = compared(town)
    assert (bicor["parameters"], bicor["multiply_adds"], bicor["flops"]) == (12_345_678, None, None)
    assert (unet["flops"], unet["peak_memory"]) == (10_000_000_000, None)
    assert "Operations of bicor are not given, as not counted are fft_r2c in Net.mixer." in caption
    assert "settings net.width=8" in caption


def test_an_entry_may_be_given_a_name(town):
    write_costs(town / "costs.json", entry(name="unet"), entry())
    costs, _ = compared(town)
    assert [cost["parameters"] for cost in costs] == [12_345_678] * 2


def test_costs_of_others_are_refused(town):
    def told(*words):
        refused(town, *words, script=COMPARE, arguments=ARGUMENTS)

    told("no file costs.json", "tools/complexity.py -c CONFIG --json costs.json")
    write_costs(town / "costs.json", entry("config/bicorr.py"))
    told("costs.json: no method 'bicorr'; did you mean 'bicor'?")
    write_costs(town / "costs.json", entry(), entry("other/bicor.py"))
    told("config/bicor.py and other/bicor.py would both be 'bicor'")
    write_costs(town / "costs.json", entry(network="Net(width=9)"))
    told("bicor was counted as Net(width=9), but tested was Net(width=8)")
    for content in ("", "[]", "{}", '{"networks": [3], "protocol": {}}', b"\xff"):
        (town / "costs.json").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        told("costs.json is not what tools/complexity.py --json writes")
    for changes in (
        {"parameters": 3},
        {"timing": timing(4, 0, 1)},
        {"timing": {}},
        {"bands": None},
    ):
        write_costs(town / "costs.json", entry() | changes, entry("unet.py"))
        told("costs.json is not what tools/complexity.py --json writes")


@pytest.mark.usefixtures("briefly")
def test_the_file_of_the_tool_is_read(trained, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(trained[0], root)
    succeed_here(root, "test.py", "-c", "bicor.py", "-o", "tested")
    counting = ("-c", "bicor.py", "--size", "64", "--json", "costs.json")
    succeed_here(root, "tools/complexity.py", *counting)
    succeed_here(root, COMPARE, "tested", "-o", "out", "--costs", "costs.json")
    counted = json.loads((root / "costs.json").read_text())["networks"][0]
    (method,) = json.loads((root / "out/table.json").read_text())["methods"]
    assert method["cost"]["parameters"] == counted["parameters"]["all"]
    assert method["cost"]["flops"] == counted["inference"]["flops"]
    assert method["cost"]["images_per_second"] > 0
