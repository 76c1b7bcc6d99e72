"""README and documents: every command is run or checked, every example run, every name exists.

The data are drawn. Only a small backbone, small crops and a single epoch are overridden.
"""

import importlib
import inspect
import json
import pkgutil
import re
import shlex
import shutil
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest
import rasterio
import torch
import yaml
from rasterio.transform import from_origin

from network.datasets.catalog import VAIHINGEN
from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.errors import ConfigError
from network.experiment import Experiment
from network.preparation.demo_scenes import draw_scene
from tests.conftest import REPOSITORY, run_here
from tests.documents import (
    DOCUMENTS,
    README,
    blocks,
    checked,
    code_spans,
    commands,
    configs_of,
    parser_of,
    prose,
    read,
    scripts,
)
from tests.layouts import write_layouts

SMALL = ["net.backbone=test_convnext", "net.pretrained=False", "max_epoch=1"]
SMALL += ["num_workers=0", "transform.crop_size=64"]
SMALL_OF = {
    "bicor": ["net.embed_dim=32"],
    "d2ls": ["net.embed_dim=32"],
    "unetformer": ["net.dim=32", "train_batch_size=4"],
}
LANGUAGES = {"bash", "sh", "python", "yaml", "text", "bibtex"}
PUBLISHED_DATA = ("ISPRS Vaihingen", "ISPRS Potsdam", "LoveDA")
"""Sections of the README whose commands test_publishers runs, with data in their layout."""
DUBAI = REPOSITORY / "docs/dubai.md"
FOLDERS = REPOSITORY / "docs/folders.md"
EXPORTING = REPOSITORY / "docs/exporting.md"
DUBAI_COLORS = [(60, 16, 152), (132, 41, 246), (110, 193, 228), (254, 221, 58), (226, 169, 41)]
OURS_TO_PUBLISHED = {
    r"encoder\.backbone\.net\.stem_(\d)": lambda m: f"encoder.0.0.{m[1]}",
    r"encoder\.backbone\.net\.stages_(\d)\.downsample": lambda m: f"encoder.0.{2 * int(m[1])}",
    r"encoder\.backbone\.net\.stages_(\d)\.blocks": lambda m: f"encoder.0.{2 * int(m[1]) + 1}",
    r"\.gamma$": ".layer_scale",
    r"\.conv_dw\.": ".block.0.",
    r"(encoder\.0\.\d\.\d)\.norm\.": r"\1.block.2.",
    r"\.mlp\.fc1\.": ".block.3.",
    r"\.mlp\.fc2\.": ".block.5.",
    r"encoder\.fusion\.projections\.(\d)": r"proj_layers.\1.proj",
    r"encoder\.fusion\.mix": "feature_aggregator",
    r"hbis\.(\d)": r"decoder.bicor_stack.layers.\1",
    "heatmap.query": "dict_to_feat",
    "f2ce.value": "feat_to_dict",
    "f2ce.gate": "gate_mlp",
    "f2ce.candidate": "cand_mlp",
    "ce2f.gamma": "gamma_proj",
    "ce2f.beta": "beta_proj",
    "feature_norm": "feat_ln",
    "embedding_norm": "dict_ln",
    "^class_embeddings": "decoder.class_dict.class_embed.weight",
    r"head\.norm": "decoder.upsampler.1",
    "^class_weights": "decoder.classifier_proj",
    "^aux_class_weights": "decoder.static_classifier",
}


def named(documents, slow=()):
    marks = {path: [pytest.mark.slow] if path in slow else [] for path in documents}
    values = [pytest.param(path, marks=marks[path]) for path in documents]
    return {"argvalues": values, "ids": [path.name for path in documents]}


def small(config):
    """What is overridden for a config."""
    settings = SMALL + SMALL_OF.get(Path(config).stem, [])
    if "vaihingen" in config or "potsdam" in config:
        return [*settings, "dataset.patch_size=64", "repeat=4"]
    return [*settings, "repeat=1"]


def draw_pair(image, mask, colors):
    """Write an image of 64x64 pixels and a mask with the colors side by side."""
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(crc32("/".join(image.parts[-3:]).encode()))
    cv2.imwrite(str(image), rng.integers(0, 256, (64, 64, 3), np.uint8))
    columns = np.arange(64) * len(colors) // 64
    cv2.imwrite(str(mask), np.broadcast_to(np.uint8(colors)[columns], (64, 64, 3))[..., ::-1])


def draw_tiles(root, tiles, parts, colors):
    """Images and masks in the layout of the Dubai publisher."""
    for tile in range(1, tiles + 1):
        for part in range(1, parts + 1):
            name = f"Tile {tile}/{{}}/image_part_{part:03d}"
            image, mask = (
                root / f"{name.format('images')}.jpg",
                root / f"{name.format('masks')}.png",
            )
            draw_pair(image, mask, colors)


def draw_city(root):
    """The folder that docs/folders.md begins with, and its dataset.yaml."""
    (settings,) = (b for b in blocks(FOLDERS, "yaml") if b.text.startswith("# data/city/"))
    draw_tiles(root / "data/city", 2, 7, [(60, 16, 152), (155, 155, 155), (110, 193, 228)])
    colors = {"Building": "#3C1098", "Road": "#6EC1E4", "Unlabeled": "#9B9B9B"}
    rows = [{"title": name, "shape": "bitmap", "color": color, "geometry_config": {}}
            for name, color in colors.items()]  # fmt: skip
    (root / "data/city/classes.json").write_text(json.dumps({"classes": rows, "tags": []}))
    (root / "data/city/dataset.yaml").write_text(settings.text)


def draw_geotiff(path, seed):
    image, _ = draw_scene(48, 80, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5400000, 0.5, 0.5)}
    shape = {"height": 48, "width": 80, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as file:
        file.write(image.transpose(2, 0, 1))


def write_published_weights(path, config):
    """A checkpoint under the names of the published code."""
    experiment = Experiment.load(config, small(str(config)))
    net = experiment.build_net(experiment.build_dataset().spec)
    weights = {}
    for name, value in net.state_dict().items():
        for ours, published in OURS_TO_PUBLISHED.items():
            name = re.sub(ours, published, name)
        matrix = name.startswith("proj_layers") and value.ndim == 4
        weights[f"net.{name}"] = value.flatten(1) if matrix else value
    torch.save({"epoch": 44, "state_dict": weights}, path)


def run(command, root):
    """Check a command and run it, if it can be run here."""
    call = checked(command, root)
    if call is None:
        return
    arguments = list(call.arguments)
    configs = configs_of(call.parsed)
    if configs and call.script != "tools/report.py":
        (config,) = configs
        place = arguments.index(config) + 1
        while place < len(arguments) and re.match(r"[a-z][\w.]*=", arguments[place]):
            place += 1
        arguments[place:place] = small(config)
    result = run_here(root, call.script, *arguments)
    assert result.status == 0, f"{command}\n{result.error}"


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A working folder with all data, and with networks trained on Dubai and Vaihingen."""
    root = tmp_path_factory.mktemp("documents")
    shutil.copytree(REPOSITORY / "config", root / "config")
    for document in DOCUMENTS:
        for config, text in config_files(document).items():
            (root / config).parent.mkdir(exist_ok=True)
            (root / config).write_text(text)
    write_layouts(root)
    draw_tiles(root / "data/dubai", 6, 7, DUBAI_COLORS)
    draw_city(root)
    for split, tile in (("train", 1), ("train", 30), ("test", 2)):
        folders = (root / f"data/vaihingen/{split}_{kind}" for kind in ("images", "masks"))
        places = (folder / f"top_mosaic_09cm_area{tile}.tif" for folder in folders)
        draw_pair(*places, VAIHINGEN.palette)
    for index, name in enumerate(("orthophoto", "data/flight/a", "data/flight/b")):
        draw_geotiff(root / f"{name}.tif", index)
    for dataset in ("dubai", "vaihingen"):
        run(f"python train.py -c config/{dataset}/bicor.py", root)
    write_published_weights(root / "published.ckpt", root / "config/vaihingen/bicor.py")
    return root


def config_files(document):
    """The config files that a document lists, by the path in their first line."""
    found = {}
    for block in blocks(document, "python"):
        if path := re.match(r"# (config/\S+\.py)\n", block.text):
            found[path[1]] = block.text
    return found


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("document", **named(DOCUMENTS, slow={EXPORTING}))
def test_every_command_runs(document, work):
    for block in blocks(document, "bash"):
        for command in commands(block):
            if document == README and block.section in PUBLISHED_DATA:
                assert checked(command, work)
            else:
                run(command, work)
    for span in code_spans(document):
        if re.match(r"(python3?|make|pip|torchrun|srun|source) ", span):
            checked(span, work)


def test_commands_of_published_data_are_run_elsewhere():
    (path,) = (REPOSITORY / "tests").rglob("test_publishers.py")
    for section in PUBLISHED_DATA:
        assert f'"{section}"' in read(path)
        assert [block.language for block in blocks(README, section=section)] == ["bash"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python tools/nowhere.py", "no script tools/nowhere.py"),
        ("python train.py", "--config"),
        ("python train.py -c config/dubai/bicor.py --flag", "unrecognized arguments: --flag"),
        ("python tools/curves.py runs --colour red", "unrecognized arguments"),
        ("python benchmarks/run.py speed", "benchmarks/run.py speed"),
        ("python tools/complexity.py -c config/dubai/bicor.py --sise 64", "unrecognized"),
        ("torchrun --nproc-per-node 4 trane.py", "no script trane.py"),
        ("torchrun --gpus 4 train.py", "unrecognized arguments: --gpus"),
        ("srun python train.py -c config/dubai/bicor.py --flag", "unrecognized arguments"),
        ("make tests", "no target tests"),  # a folder of that name is none
        ("pip install -r nowhere.txt", "no such file"),
        ("pip install catalyst", "catalyst"),
        ("conda activate bicor", "neither run nor checked"),
        ("CUDA_VISIBLE_DEVICES=0 python train.py", "neither run nor checked"),
    ],
)
def test_a_command_that_cannot_work_is_noticed(command, words, work):
    with pytest.raises(AssertionError, match=words):
        checked(command, work)


@pytest.mark.parametrize("setting", ["max_epoc=1", "net.backbon=resnet18", "max_epoch=many"])
@pytest.mark.parametrize("start", ["python", "torchrun --nproc-per-node 4", "srun python"])
def test_a_setting_that_is_none_is_noticed(start, setting, work):
    with pytest.raises(ConfigError):
        checked(f"{start} train.py -c config/dubai/bicor.py {setting}", work)


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_every_block_is_of_a_known_kind(document):
    found = blocks(document)
    assert 2 * len(found) == len(re.findall("^ *```", read(document), re.MULTILINE))
    assert {block.language for block in found} <= LANGUAGES


@pytest.mark.parametrize(
    "document", **named([path for path in DOCUMENTS if blocks(path, "python")])
)
def test_python_examples_run(document, work, monkeypatch):
    monkeypatch.chdir(work)
    for block in blocks(document, "python"):
        if block.text in config_files(document).values():
            continue  # run by the commands
        code = block.text.replace('bicor.py"', f'bicor.py", {small("vaihingen")}')
        for large, tiny in (("convnext_base", "test_convnext"), ("512", "64"), ("128", "16")):
            code = code.replace(large, tiny)
        names = {}
        exec(code, names)
        for value, count, shape in re.findall(r"^(out\S+)  # (?:(\d) x )?(\[.*?\])", code, re.M):
            tensors = eval(value, names)
            tensors = tensors if count else [tensors]
            assert len(tensors) == int(count or 1)
            assert all(str(list(tensor.shape)) == shape for tensor in tensors), value


def test_own_images_as_the_readme_lays_them(tmp_path):
    (block,) = blocks(README, "yaml")
    colors = [(60, 16, 152), (110, 193, 228), (0, 0, 0)]
    for stem in ("a_part001", "a_part002", "b_part001", "b_part002", "a_part007", "a_part008"):
        images, masks = tmp_path / "data/mine/images", tmp_path / "data/mine/masks"
        draw_pair(images / f"{stem}.jpg", masks / f"{stem}.png", colors)
    path = tmp_path / re.match(r"# (\S+)\n", block.text)[1]
    path.write_text(block.text)
    for config, text in config_files(README).items():
        (tmp_path / config).parent.mkdir(parents=True)
        (tmp_path / config).write_text(text)
        run(f"python tools/check_data.py -c {config}", tmp_path)
        run(f"python train.py -c {config}", tmp_path)
    dataset = FolderDataset(path.parent)
    assert dataset.spec.classes == ("Building", "Road")
    assert [sample.name for sample in dataset.samples("val")] == ["a_part007"]
    options = re.findall(r"^# (\w+): ", block.text, re.MULTILINE)
    assert options == ["test", "masks", "first_label", "ignore_values", "unscored"]
    for option in options:
        taken = ("masks", option) if option in ("first_label", "ignore_values") else (option,)
        path.write_text(re.sub(rf"# ({'|'.join(taken)}):", r"\1:", block.text))
        assert FolderDataset(path.parent).samples("test")


@pytest.mark.parametrize(("settings", "tiles", "parts"), [("all", 8, 9), ("part", 6, 7)])
def test_the_images_of_dubai_are_read_where_they_lie(settings, tiles, parts, tmp_path, monkeypatch):
    draw_tiles(tmp_path / "data/dubai", 8, 9, DUBAI_COLORS)
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks(DUBAI, "bash") for line in commands(block)]
    named_part = [line for line in lines if "name=part" in line]
    assert len(named_part) == 2
    for line in named_part if settings == "part" else lines[:1]:
        overrides = [word for word in shlex.split(line) if word.startswith("dataset.")]
        experiment = Experiment.load(REPOSITORY / "config/dubai/bicor.py", overrides)
        dataset = experiment.build_dataset()
        trained = [
            f"tile{tile}_part{part:03d}"
            for tile in range(1, tiles + 1)
            for part in range(1, parts + 1)
            if part != 7
        ]
        assert [sample.name for sample in dataset.samples("train")] == trained
        held_out = [f"tile{tile}_part007" for tile in range(1, tiles + 1)]
        assert [sample.name for sample in dataset.samples("val")] == held_out
        assert [sample.name for sample in dataset.samples("test")] == held_out
        sample = dataset.samples("train")[-1]
        name = f"Tile {tiles}/images/image_part_{parts if parts != 7 else 6:03d}.jpg"
        assert str(sample.image) == f"data/dubai/{name}"
        assert str(sample.mask) == str(sample.image).replace("images", "masks")[:-3] + "png"
    numbers = f"{tiles * (parts - 1)} (?:are trained on|of all).*? {tiles}"
    assert re.search(numbers, " ".join(prose(DUBAI).split()))


def test_a_publishers_folder_is_trained_on_as_it_is(tmp_path):
    draw_city(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    ((config, text),) = config_files(FOLDERS).items()
    (tmp_path / config).parent.mkdir(parents=True)
    (tmp_path / config).write_text(text)
    block = next(block for block in blocks(FOLDERS, "bash") if config in block.text)
    assert len(commands(block)) <= 3
    for command in commands(block):
        run(command, tmp_path)
    assert (tmp_path / "model_weights/city/bicor/best.ckpt").is_file()
    assert before <= {path for path in tmp_path.rglob("*") if path.is_file()}
    dataset = FolderDataset(tmp_path / "data/city")
    assert dataset.spec.classes == ("Building", "Road")
    assert [sample.name for sample in dataset.samples("val")] == ["tile1_part007", "tile2_part007"]
    item = SegmentationDataset(dataset, "val")[0]
    assert item["mask"].unique(return_counts=True)[1].tolist() == [22 * 64, 21 * 64, 21 * 64]


def test_settings_in_the_document_on_folders(tmp_path):
    found = [yaml.safe_load(block.text) for block in blocks(FOLDERS, "yaml")]
    _, splits, labels = found
    draw_city(tmp_path)
    root = tmp_path / "data/city"
    draw_tiles(root, 2, 9, [(60, 16, 152), (110, 193, 228)])
    (root / "val.txt").write_text(
        "tile1_part007\n# and its second file\nTile 2/images/image_part_007.jpg"
    )
    (root / "lists").mkdir()
    (root / "lists/train.txt").write_text("tile1_part001\ntile2_part001.jpg"[:-4])
    dataset = FolderDataset(root, **splits)
    names = {s: [sample.name for sample in dataset.samples(s)] for s in ("train", "val", "test")}
    assert names == {
        "train": ["tile1_part001", "tile2_part001"],
        "val": ["tile1_part007", "tile2_part007"],
        "test": ["tile1_part008", "tile2_part008", "tile2_part009"],
    }
    own = FolderDataset(tmp_path, **labels)
    assert own.spec.classes == ("Building", "Road")
    assert own.encode_indices(np.array([[0, 10, 20]], np.uint8)).tolist() == [[2, 0, 1]]
    for text in next(
        block.text for block in blocks(FOLDERS, "text") if "title" in block.text
    ).splitlines():
        (tmp_path / "classes.json").write_text(text)
        assert FolderDataset(tmp_path, classes="classes.json").spec.palette[0] == (80, 227, 194)


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_what_a_document_links_to_exists(document):
    text = prose(document)
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
        if re.match("https?:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), f"{document.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", prose(linked), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]
            assert anchor in slugs, f"{document.name} links to {target}"


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_paths_and_names_in_the_text_exist(document):
    for span in code_spans(document):
        if re.fullmatch(r"network(\.\w+)+", span):
            pkgutil.resolve_name(span)
        elif re.match(r"(network|tools|tests|config|docs|benchmarks)/", span):
            assert (REPOSITORY / span).exists(), span
        elif re.fullmatch(r"\w+\.(py|txt|toml)", span):
            places = [REPOSITORY, REPOSITORY / "tests"]
            assert any(list(place.rglob(span)) for place in places), span


@pytest.mark.parametrize("document", **named(DOCUMENTS))
def test_settings_and_flags_in_the_text_are_known(document, work, monkeypatch):
    monkeypatch.chdir(work)
    flags = {"--nodes", "--ntasks-per-node"}  # of SLURM
    for script in scripts():
        flags |= {*parser_of(script, work)[0]._option_string_actions}
    for span in code_spans(document):
        if re.fullmatch(r"[a-z][\w.]*=\S+", span):
            assert any(takes(path, span) for path in (work / "config").glob("*/bicor.py")), span
        for flag in re.findall(r"(?<!\S)--?[a-z][a-z-]*", span):
            if not re.match("pip |make ", span):
                assert flag in flags, span


def takes(config, setting):
    try:
        experiment = Experiment.load(config, [setting])
        experiment.build_dataset()
    except ConfigError:
        return False
    return True


def test_the_readme_is_short():
    assert len(read(README).splitlines()) <= 230


@pytest.mark.parametrize("document", **named(DOCUMENTS[1:]))
def test_a_document_says_for_whom_it_is(document):
    assert re.match(r"# .+\n\nFor those who ", read(document))


def test_the_readme_lists_every_document():
    rows = re.findall(r"^\| (\[.*?) \| (.+) \|$", read(README), re.MULTILINE)
    listed = [path for row, _ in rows for path in re.findall(r"\]\((.*?)\)", row)]
    expected = [str(path.relative_to(REPOSITORY)) for path in DOCUMENTS[1:]]
    assert sorted(path for path in listed if path.startswith("docs/")) == sorted(expected)
    assert len({*listed}) == len(listed)


def test_the_house_is_as_it_stands():
    (tree,) = blocks(README, "text", "What lies where")
    named_there = set()
    for line in tree.text.splitlines():
        parent = "network/" if line.startswith(" ") else ""
        for word in line.split():
            if not re.fullmatch(r"[\w/]+(/|\.py)", word):
                break
            path = word.replace("DATASET/NAME", "vaihingen/bicor")
            assert (REPOSITORY / parent / path).exists(), line
            named_there.add(parent + word)
    library = [path for path in (REPOSITORY / "network").iterdir() if not path.name.startswith("_")]
    for path in library:
        assert f"network/{path.name}{'/' * path.is_dir()}" in named_there, path
    assert {str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("*.py")} <= named_there


def test_terms_of_the_paper_are_where_the_table_says():
    table = re.findall(r"^\| (.+) \| (`.+) \|$", read(REPOSITORY / "docs/method.md"), re.MULTILINE)
    assert len(table) >= 10
    for term, place in table:
        names = []
        for span in re.findall(r"`([^`]+)`", place):
            if not span.endswith(".py"):
                names.append(span)
                continue
            module = importlib.import_module(span.removesuffix(".py").replace("/", "."))
            assert names, f"{term}: which name in {span}?"
            for name in names:
                owner, _, attribute = name.partition(".")
                assert getattr(module, owner).__module__ == module.__name__, name
                assert attribute in inspect.getsource(getattr(module, owner)), name
            names = []
