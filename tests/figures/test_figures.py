"""Figures: what is drawn is what the network computed."""

import csv
import re
import shutil

import cv2
import matplotlib
import numpy as np
import pytest
import torch

from network.datasets.catalog import VAIHINGEN, DatasetSpec
from network.errors import DataError
from network.experiment import Experiment
from network.figures.curves import Line, Log, curve_figure
from network.figures.embeddings import embedding_figure, fisher_ratio, project
from network.figures.heatmaps import heatmap_figure
from network.figures.painting import overlay, paint_errors, paint_heatmap, shrink
from network.figures.predictions import prediction_figure
from network.figures.style import pixels
from network.files.images import read_rgb
from network.inference.checkpoint_files import load_network
from network.inference.inspection import Inspection
from network.training.read_log import read_log
from tests.conftest import refused, run_here

NAMES = ("scene_001_val", "scene_005_val")


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("figures") / "work"
    shutil.copytree(trained[0], root)
    return root


def draw(root, tool, *arguments):
    result = run_here(root, f"tools/{tool}.py", *arguments)
    assert result.status == 0, result.error
    return result


def outputs(root, monkeypatch):
    """What the network of the run gives for the test images, computed here."""
    monkeypatch.chdir(root)
    experiment = Experiment.load("bicor.py")
    layout = experiment.build_dataset()
    net, *_ = load_network(experiment, layout.spec, "model_weights/own/bicor/best.ckpt")
    mean, std = (np.array(values) for values in (layout.spec.mean, layout.spec.std))
    found = {}
    for name in NAMES:
        (path,) = (root / "data/own/images").glob(f"{name}.*")
        image = ((read_rgb(path) / 255 - mean) / std).transpose(2, 0, 1)
        with torch.no_grad():
            found[name] = net(torch.from_numpy(image).float()[None])
    return layout.spec, found


def test_heatmaps_of_a_figure_are_the_sigmoid_of_the_networks(run, monkeypatch):
    result = draw(run, "heatmaps", "-c", "bicor.py", "-o", "maps")
    assert "2 figures" in result.out
    spec, found = outputs(run, monkeypatch)
    for name, out in found.items():
        raw = np.load(run / f"maps/heatmaps/{name}.npz")
        assert raw["classes"].tolist() == list(spec.classes)
        assert raw["layers"].tolist() == [1, 2]
        assert raw["heatmaps"].dtype == np.float32
        for layer, heatmap in enumerate(out.heatmaps):
            for index in range(spec.num_classes):
                expected = torch.sigmoid(heatmap[0, index]).numpy()
                np.testing.assert_allclose(raw["heatmaps"][layer, index], expected, atol=1e-5)
        assert (run / f"maps/{name}.pdf").read_bytes().startswith(b"%PDF")
        assert cv2.imread(str(run / f"maps/{name}.png")).shape[1] == 1432


def test_an_overlay_is_the_image_and_the_color_of_the_heatmap(run):
    draw(
        run,
        "heatmaps",
        *("-c", "bicor.py", "-o", "chosen", "--images", NAMES[1]),
        *("--classes", "Car", "Tree", "--layers", "2", "--opacity", "0.25", "--colormap", "gray"),
    )
    raw = np.load(run / f"chosen/heatmaps/{NAMES[1]}.npz")
    assert raw["classes"].tolist() == ["Car", "Tree"]
    assert raw["layers"].tolist() == [2]
    assert {p.name for p in (run / "chosen/overlays").iterdir()} == {
        f"{NAMES[1]}_hbis2_{name}.png" for name in ("Car", "Tree")
    }
    (path,) = (run / "data/own/images").glob(f"{NAMES[1]}.*")
    image = read_rgb(path).astype(float)
    painted = read_rgb(run / f"chosen/overlays/{NAMES[1]}_hbis2_Tree.png")
    heatmap = cv2.resize(raw["heatmaps"][0, 1], image.shape[1::-1])[..., None]
    np.testing.assert_allclose(painted, 0.75 * image + 0.25 * 255 * heatmap, atol=1.01)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--images", "scene_999"), ("no image scene_999", "scene_001_val")),
        (("--images", "scene_001_val", "sead=1"), ("unknown setting 'sead'", "'seed'")),
        (("--classes", "Buildin"), ("Buildin", "did you mean Building?")),
        (("--classes", "zzz"), ("ImSurf, Building",)),
        (("--layers", "3"), ("--layers 3", "1 to 2")),
        (("--layers", "0"), ("--layers 0", "1 to 2")),
        (("--opacity", "1.5"), ("--opacity 1.5", "0 to 1")),
        (("--colormap", "rainbowish"), ("rainbowish",)),
        (("--ckpt", "nowhere.ckpt"), ("no checkpoint nowhere.ckpt",)),
        (("--split", "train", "--images", "scene_001_val"), ("no image scene_001_val",)),
    ],
)
def test_what_cannot_be_drawn_is_refused(run, arguments, words):
    arguments = ("-c", "bicor.py", "-o", "none", *arguments)
    refused(run, *words, script="tools/heatmaps.py", arguments=arguments)


def test_an_unwritable_figure_is_refused(run):
    (run / "file").write_text("in the way")
    arguments = ("-c", "bicor.py", "-o", "file")
    refused(run, "cannot write file", script="tools/heatmaps.py", arguments=arguments)
    refused(run, "cannot write file", script="tools/embeddings.py", arguments=arguments)
    arguments = ("lightning_logs/own/bicor", "-o", "file/curves")
    refused(run, "cannot write file", script="tools/curves.py", arguments=arguments)


def test_embeddings_are_the_networks_and_their_ratio_the_fisher_loss(run, monkeypatch):
    result = draw(run, "embeddings", "-c", "bicor.py", "-o", "points")
    spec, found = outputs(run, monkeypatch)
    raw = np.load(run / "points/embeddings.npz")
    assert raw["images"].tolist() == list(NAMES)
    assert raw["classes"].tolist() == list(spec.classes)
    for index, name in enumerate(NAMES):
        for layer, embeddings in enumerate(found[name].class_embeddings):
            expected = embeddings[0].numpy()
            np.testing.assert_allclose(raw["embeddings"][index, layer], expected, atol=1e-4)
    assert raw["pca"].shape == raw["tsne"].shape == (2, 2, spec.num_classes, 2)
    for layer, ratio in enumerate(raw["fisher"]):
        points = raw["embeddings"][:, layer].astype(float)
        means = points.mean(axis=0)
        within = np.mean(
            [[((p - m) ** 2).sum() for p, m in zip(x, means, strict=True)] for x in points]
        )
        pairs = [(a, b) for a in range(len(means)) for b in range(a)]
        between = np.mean([((means[a] - means[b]) ** 2).sum() for a, b in pairs])
        assert ratio == pytest.approx(within / (max(between, 1e-4) + 1e-6), rel=1e-5)
        assert f"class embeddings {layer + 1}: Fisher ratio {ratio:.4g} over 2 images" in result.out
    assert {p.name for p in (run / "points").iterdir()} == {
        f"embeddings.{suffix}" for suffix in ("npz", "png", "pdf")
    }


def test_one_image_has_no_scatter(run):
    for arguments in (("--most", 1), ("dataset.val=*_001_val",)):
        arguments = ("-c", "bicor.py", "-o", "none", *arguments)
        refused(run, "at least 2", script="tools/embeddings.py", arguments=arguments)


def test_projections_keep_apart_what_lies_apart():
    generator = np.random.default_rng(0)
    centers = 10 * np.eye(3, 8)
    embeddings = (centers + generator.normal(0, 0.1, (20, 3, 8))).astype(np.float32)
    for method in ("pca", "tsne"):
        points = project(embeddings, method)
        means = points.mean(axis=0)
        inside = np.linalg.norm(points - means, axis=-1).max()
        apart = min(np.linalg.norm(means[a] - means[b]) for a in range(3) for b in range(a))
        assert points.shape == (20, 3, 2)
        assert apart > 2 * inside
        np.testing.assert_array_equal(points, project(embeddings, method))
    assert fisher_ratio(embeddings) == pytest.approx(8 * 0.01 / 200, rel=0.15)
    assert project(embeddings[:2], "tsne").shape == (2, 3, 2)


def write_log(folder, version, rows):
    path = folder / f"version_{version}/metrics.csv"
    path.parent.mkdir(parents=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def epochs(first, last, loss):
    for epoch in range(first, last + 1):
        yield {"lr-AdamW": 0.1 * (epoch + 1), "step": epoch}
        yield {"epoch": epoch, "val_total": loss + epoch, "val_mIoU": 0.1 * epoch}
        yield {"epoch": epoch, "train_total": 2 * loss + epoch}


def test_a_log_is_read_by_epoch_and_a_resumed_one_goes_on(tmp_path):
    write_log(tmp_path, 0, list(epochs(0, 9, 100)))
    write_log(tmp_path, 9, list(epochs(0, 2, 5)))
    write_log(tmp_path, 10, list(epochs(2, 3, 7)))
    log = read_log(tmp_path)
    assert log.values["val_total"] == [(1, 5), (2, 6), (3, 9), (4, 10)]
    assert log.values["train_total"] == [(1, 10), (2, 11), (3, 16), (4, 17)]
    assert [round(value, 6) for _, value in log.values["lr-AdamW"]] == [0.1, 0.2, 0.3, 0.4]
    alone = read_log(tmp_path / "version_9")
    assert alone.values["val_total"] == [(1, 5), (2, 6), (3, 7)]
    assert alone.name.endswith("/version_9")
    assert read_log(tmp_path / "version_0/metrics.csv").values["val_total"][-1] == (10, 109)


def test_curves_show_every_value_of_every_run():
    first = Log("a", {"train_total": [(1, 3.0), (2, 2.0)], "val_total": [(1, 2.5), (2, 2.25)]})
    second = Log("b", {"val_total": [(1, 5.0)], "val_mIoU": [(1, 0.5)], "lr-AdamW": [(1, 0.1)]})
    figure = curve_figure([Line("a", [first]), Line("b", [second])])
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(panels) == ["total loss", "mIoU", "learning rate"]
    drawn = [line.get_xydata().tolist() for line in panels["total loss"].lines]
    assert drawn == [[[1, 3], [2, 2]], [[1, 2.5], [2, 2.25]], [[1, 5]]]
    styles = [(line.get_color(), line.get_linestyle()) for line in panels["total loss"].lines]
    assert styles == [("C0", "--"), ("C0", "-"), ("C1", "-")]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["a", "b", "training", "validation"]


def test_a_line_of_several_runs_is_their_mean_in_the_band_of_their_range():
    logs = [
        Log("", {"val_mIoU": [(1, 0.25), (2, 0.5), (3, 0.75)]}),
        Log("", {"val_mIoU": [(1, 0.75), (2, 0.5)], "val_OA": [(1, 0.5)]}),
    ]
    figure = curve_figure([Line("a $x$ b", logs), Line("c", logs[:1])])
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    drawn = [line.get_xydata().tolist() for line in panels["mIoU"].lines]
    assert drawn == [[[1, 0.5], [2, 0.5]], [[1, 0.25], [2, 0.5], [3, 0.75]]]
    (band,) = panels["mIoU"].collections
    corners = {tuple(point) for point in band.get_paths()[0].vertices.tolist()}
    assert corners == {(1, 0.25), (1, 0.75), (2, 0.5)}
    assert not panels["OA"].collections
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["a $x$ b", "c", "training", "validation", "range of the runs"]


def test_many_lines_have_colors_of_their_own():
    log = Log("", {"val_mIoU": [(1, 0.5), (2, 0.6)]})
    figure = curve_figure([Line(str(number), [log]) for number in range(25)])
    panel = next(axes for axes in figure.axes if axes.get_title() == "mIoU")
    assert len({str(line.get_color()) for line in panel.lines}) == 25


def test_curves_of_a_run(run):
    draw(run, "curves", "lightning_logs/own/bicor", "-o", "figures/curves")
    assert (run / "figures/curves.pdf").read_bytes().startswith(b"%PDF")
    (log,) = (run / "lightning_logs/own/bicor").glob("version_*/metrics.csv")
    with log.open() as file:
        cells = [row["val_mIoU"] for row in csv.DictReader(file) if row["val_mIoU"]]
    assert read_log(run / "lightning_logs/own/bicor").values["val_mIoU"] == [(1, float(cells[0]))]


def test_what_is_no_log_is_refused(run, tmp_path):
    def curves(*words, of):
        refused(run, *words, script="tools/curves.py", arguments=(of, "-o", "none"))

    curves("no metrics.csv in nowhere", "lightning_logs/vaihingen/bicor", of="nowhere")
    (run / "empty.csv").write_text("epoch,step,val_total\n")
    curves("empty.csv holds no values yet", of="empty.csv")
    (run / "text.csv").write_text("epoch,val_total\nfirst,low\n")
    curves("text.csv is not a log", of="text.csv")
    (run / "binary.csv").write_bytes(bytes(range(256)))
    curves("binary.csv", of="binary.csv")
    with pytest.raises(DataError):
        read_log(tmp_path)


def test_painting_by_hand():
    heatmap = np.array([[0.0, 0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(paint_heatmap(heatmap, "gray"), [[[0] * 3, [128] * 3, [255] * 3]])
    red = 255 * np.array(matplotlib.colormaps["turbo"](1.0)[:3])
    np.testing.assert_allclose(paint_heatmap(heatmap)[0, 2], red, atol=1)
    image = np.array([[[100, 200, 0]] * 3], np.uint8)
    white = np.full_like(image, 255)
    assert overlay(image, white, 0).tolist() == image.tolist()
    assert overlay(image, white, 1).tolist() == white.tolist()
    assert overlay(image, white, 0.5)[0, 0].tolist() == [178, 228, 128]
    errors = paint_errors(image, np.array([[0, 1, 1]]), np.array([[0, 0, 6]]), 6)
    gray = 0.299 * 100 + 0.587 * 200
    assert errors[0, 0].tolist() == [round(0.4 * round(gray) + 0.6 * 255)] * 3
    assert errors[0, 1].tolist() == [230, 25, 75]
    assert errors[0, 2].tolist() == [128, 128, 128]


def test_shrinking_keeps_the_shape_and_a_masks_values():
    mask = np.repeat(np.repeat(np.array([[0, 3], [5, 6]], np.uint8), 50, axis=0), 100, axis=1)
    small = shrink(mask, 20, nearest=True)
    assert small.shape == (10, 20)
    assert set(np.unique(small)) == {0, 3, 5, 6}
    assert shrink(mask, 200) is mask
    assert shrink(np.zeros((1, 5000, 3), np.uint8), 100).shape == (1, 100, 3)


def inspection(height, width, classes=6, layers=2, labeled=True):
    generator = np.random.default_rng(0)
    mask = generator.integers(0, classes, (height, width), dtype=np.uint8)
    return Inspection(
        "name",
        generator.integers(0, 256, (height, width, 3), dtype=np.uint8),
        {"mask": mask} if labeled else {},
        mask,
        generator.random((layers, classes, height // 4, width // 4), dtype=np.float32),
        generator.random((layers, classes, 16), dtype=np.float32),
    )


@pytest.mark.parametrize(
    ("shape", "classes", "layers", "labeled"),
    [
        ((96, 128), range(6), range(2), True),
        ((300, 60), [1], [0], True),
        ((60, 300), range(6), range(3), False),
    ],
)
def test_every_shape_of_figure_has_all_its_panels(shape, classes, layers, labeled):
    found = inspection(*shape, layers=3, labeled=labeled)
    figure = heatmap_figure(found, VAIHINGEN, list(classes), list(layers))
    picture = pixels(figure)
    assert (picture[:4] == 255).all(), "a title is cut"
    assert (picture[-2:] == 255).all()
    titles = [axes.get_title() for axes in figure.axes]
    panels = ["image", "ground truth", "prediction"] if labeled else ["image", "prediction"]
    assert titles[: len(panels)] == panels
    shown = [axes for axes in figure.axes[len(panels) :] if axes.images]
    assert len(shown) == len(classes) * len(layers)
    assert not figure.axes[-1].images
    assert figure.axes[-1].get_ylim() == (0, 1)
    prediction_figure([found, found], VAIHINGEN, "epoch 5").canvas.draw()


def test_many_classes_go_on_in_further_rows():
    spec = DatasetSpec(
        name="many",
        classes=tuple(f"class {index}" for index in range(8)),
        palette=tuple((index, 0, 0) for index in range(8)),
    )
    figure = heatmap_figure(inspection(64, 64, classes=8), spec, list(range(8)), [0, 1])
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title.startswith("class")] == list(spec.classes)
    assert len([axes for axes in figure.axes if axes.images]) == 3 + 16


def test_the_caption_of_embeddings_tells_the_ratio():
    projected = {"pca": np.zeros((2, 5, 6, 2)), "tsne": np.ones((2, 5, 6, 2))}
    figure = embedding_figure(projected, [0.5, 0.0123], VAIHINGEN)
    assert [re.sub(r"\$.*\$ ", "", axes.get_title()) for axes in figure.axes[:2]] == [
        "class embeddings 1\nFisher ratio = 0.5",
        "class embeddings 2\nFisher ratio = 0.0123",
    ]
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["PCA", "t-SNE"]
