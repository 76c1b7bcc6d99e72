"""No word of a command line goes astray, whatever the script."""

import pytest

from network.cli import ScriptParser
from network.errors import ConfigError
from tests.conftest import refused, run_here
from tests.documents import scripts
from tests.layouts import LAYOUTS, write_layouts
from tests.scripts.bad.arguments import parser_of

SCRIPTS = [script for script in scripts() if not script.startswith("benchmarks/")]


def parser(**options):
    made = ScriptParser("of a test")
    made.add_argument("paths", nargs="*", metavar="PATH", unique=True)
    made.add_config()
    made.add_argument("--bands", type=int, nargs="+")
    made.add_argument("--range", type=float, nargs=2)
    made.add_argument("--images", nargs="+", unique=True)
    made.add_argument("-t", "--tta", default="none")
    made.add_argument("--mode", default="train")
    made.add_argument("--polygons", action="store_true")
    made.add_argument("--least", type=float, needs="--polygons")
    made.add_argument("--scale", type=float, needs="--mode val")
    made.add_argument("--side", type=int, without="--tta")
    return made


def parsed(*words):
    return parser().parse_args(["-c", "config.py", *words])


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_the_same_parser(script):
    assert isinstance(parser_of(script), ScriptParser)


@pytest.mark.parametrize(
    ("script", "option", "values"),
    [
        (script, name, ["1.ckpt", "2.ckpt"] if name == "--ckpt" else ["1", "2"])
        for script in SCRIPTS
        if (found := parser_of(script)).takes_settings
        for action in found._actions
        if action.option_strings and action.nargs not in (None, 0)
        for name in action.option_strings[-1:]
    ],
)  # fmt: skip
def test_no_list_of_values_takes_a_setting(script, option, values):
    options = (a for a in parser_of(script)._actions if a.option_strings)
    needed = [(a.option_strings[-1], *(a.choices or ["there"])) for a in options if a.required]
    required = [word for words in needed if words[0] != option for word in words[:2]]
    for place in range(len(values) + 1):
        words = [*required, option, *values[:place], "net.mix=0", *values[place:], "lr=1"]
        args = parser_of(script).parse_args(words)
        assert args.overrides == ["net.mix=0", "lr=1"]
        assert [str(v).rstrip("0").rstrip(".") for v in vars(args)[option[2:]]] == values


def test_settings_stand_anywhere():
    args = parsed("a=1", "one", "--bands", "1", "b=2", "2", "two", "-t", "c=3", "--range", "0", "1")
    assert args.overrides == ["a=1", "b=2"]
    assert args.paths == ["one", "two"]
    assert args.bands == [1, 2]
    assert args.tta == "c=3"
    assert args.range == [0, 1]


def test_a_file_of_that_name_is_no_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "day=1.tif").touch()
    args = parsed("day=1.tif", "day=2.tif", "--images", "day=1.tif", "name=x")
    assert args.paths == args.images == ["day=1.tif"]
    assert args.overrides == ["day=2.tif", "name=x"]


def test_a_list_of_checkpoints_ends_where_they_end(tmp_path):
    (tmp_path / "model.safetensors").touch()
    made = parser()
    made.add_checkpoints("of a test")
    words = [
        "-c",
        "config.py",
        "--ckpt",
        "one",
        "b.CKPT",
        str(tmp_path),
        "c.pt",
        "scene.tif",
        "d.pt",
    ]
    args = made.parse_args(words)
    assert args.ckpt == ["one", "b.CKPT", str(tmp_path), "c.pt"]
    assert args.paths == ["scene.tif", "d.pt"]
    with pytest.raises(ConfigError, match=r"a\.ckpt named 2 times"):
        made.parse_args(["-c", "config.py", "--ckpt", "a.ckpt", "./a.ckpt"])


def test_a_list_of_numbers_ends_where_the_numbers_end():
    args = parsed("--bands", "3", "2", "1", "scene.tif", "4")
    assert args.bands == [3, 2, 1]
    assert args.paths == ["scene.tif", "4"]


def test_negative_numbers_and_names_with_a_dash():
    args = parsed("--range", "-1e3", "-.5", "x", "--", "-odd.tif", "--tta", "lr=1")
    assert args.range == [-1000, -0.5]
    assert args.paths == ["x", "-odd.tif", "--tta", "lr=1"]
    assert parsed("-tlr", "--mode=-x").tta == "lr"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tta", "lr", "-t", "d4"), "--tta is given 2 times"),
        (("--tta=lr", "-td4"), "--tta is given 2 times"),
        (("a", "b", "./a"), "PATH: a and ./a named 2 times"),
        (("--images", "x", "y", "x"), "--images: x named 2 times"),
        (("--tta", "lr", "--images", ""), "after '-c config.py --tta lr --images'"),
        (("--least", "1"), "--least has no effect without --polygons"),
        (("--scale", "1"), "--scale has no effect without --mode val"),
        (("--scale", "1", "--mode", "other"), "--scale has no effect without --mode val"),
        (("--side", "1", "-t", "lr"), "--side has no effect with --tta"),
    ],
)
def test_what_has_no_effect_is_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        parsed(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("--least", "1", "--polygons"),
        ("--scale", "1", "--mode", "val"),
        ("--side", "1", "-t", "none"),
        ("--bands", "1", "1", "1", "--polygons", "--polygons"),
    ],
)
def test_what_has_an_effect_is_not(words):
    parsed(*words)


@pytest.mark.parametrize("words", [("--poly",), ("--bands", "x"), ("--range", "1"), ("--tta",)])
def test_what_argparse_refuses_it_still_refuses(words, capsys):
    with pytest.raises(SystemExit):
        parsed(*words)
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("predict.py", ("x.tif", "-o", "new", "--min-area", "2"), ["--min-area", "--polygons"]),
        ("predict.py", ("x.tif", "x.tif", "-o", "new"), ["x.tif", "2 times"]),
        ("test.py", ("-o", "new", "--compare-tta"), ["--compare-tta", "-t lr"]),
        ("tools/heatmaps.py", ("-o", "new", "--classes", "Car", "Car"), ["--classes: Car"]),
    ],
)
def test_scripts_refuse_what_they_cannot_use(own, script, arguments, words):
    refused(own, *words, script=script, arguments=("-c", "bicor.py", *arguments))


def test_scores_of_images_without_labels_are_not_compared(tmp_path):
    write_layouts(tmp_path)
    arguments = LAYOUTS["loveda"].arguments
    settings = ("max_epoch=1", "train_batch_size=1", "transform.crop_size=64", "sample_every=0")
    assert run_here(tmp_path, "train.py", *arguments, *settings).status == 0
    arguments += ("-o", "new", "-t", "lr", "--compare-tta")
    refused(tmp_path, "no labels", script="test_loveda.py", arguments=arguments)


def test_settings_without_effect_are_said(trained):
    said = run_here(
        trained[0], "tools/check_data.py", "-c", "bicor.py", "lr=1", "dataset.cache=True"
    )
    assert said.status == 0, said.error
    assert "note: no effect on check_data.py: lr=1\n" in said.out
    said = run_here(trained[0], "tools/check_data.py", "-c", "bicor.py", "dataset.cache=True")
    assert "note: no effect" not in said.out
    twice = ("dataset.cache=True", "dataset.cache=False")
    said = run_here(trained[0], "tools/check_data.py", "-c", "bicor.py", *twice)
    assert "note: set again by a later one: dataset.cache=True\n" in said.out
