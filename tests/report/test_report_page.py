"""The page of a report in a browser, with pictures whose values are known."""

import copy
import json
import re

import numpy as np
import pytest

from network.report.page import REPORT_PAGE
from tests.browsing import SHOWN, color, inside, near, rgb, text, uri

HOSTILE = "</script><b>x"
CLASSES = [
    {"name": HOSTILE, "color": "#c00000", "scored": True},
    {"name": "Road", "color": "#00c000", "scored": True},
    {"name": "Tree & Co", "color": "#0000c0", "scored": False},
]
IGNORED = 3
COLORMAP = [f"#{value:02x}{255 - value:02x}{7 * value % 256:02x}" for value in range(256)]

# truth and prediction by quarters: left above, right above, left below, right below
TRUTH = (0, 1, 2, IGNORED)
PREDICTION = (0, 2, 2, 1)
QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


def quarters(values):
    return np.kron(np.array(values, np.uint8).reshape(2, 2), np.ones((24, 32), np.uint8))


def photograph(blue):
    """Red grows to the right, green downwards; OpenCV's order of channels."""
    red, green = np.meshgrid(np.arange(64) * 4, np.arange(48) * 5)
    return np.dstack([np.full_like(red, blue), green, red]).astype(np.uint8)


def heat(image, layer, index):
    return 20 + 100 * image + 60 * layer + 15 * index


def preview(image):
    return {
        "name": f"tile {image}",
        "width": 128,
        "height": 96,
        "image": uri(photograph(blue=100 * image)),
        "truth": uri(quarters(TRUTH)),
        "prediction": uri(quarters(PREDICTION)),
        "heatmaps": [
            [uri(np.full((24, 32), heat(image, layer, index), np.uint8)) for index in range(3)]
            for layer in range(2)
        ],
    }


def score(masks, miou, confusion):
    names = [entry["name"] for entry in CLASSES]
    return {
        "title": f"{masks} masks, TTA lr", "pixels": sum(map(sum, confusion)),
        "mIoU": miou, "mF1": 0.7, "OA": 0.65, "mIoU_all": 0.4, "mF1_all": 0.5,
        "IoU": dict(zip(names, (0.5, 0.25, None), strict=True)),
        "F1": dict(zip(names, (2 / 3, 0.4, None), strict=True)),
        "confusion": confusion,
    }  # fmt: skip


def listed(name, miou, viewer):
    iou = [miou, miou and 1 - miou, None]
    return {
        "name": name, "pixels": 1000, "mIoU": miou, "mF1": miou, "OA": 0.5, "IoU": iou,
        "viewer": viewer,
    }  # fmt: skip


CONTENTS = {
    "title": "Town, test",
    "run": "bicor",
    "checkpoint": "best.ckpt, epoch 45",
    "created": "2026-11-23 10:00",
    "classes": CLASSES,
    "ignore_index": IGNORED,
    "ignore_color": "#202020",
    "scores": [
        score("eroded", 0.8, [[1_234_567, 617_283, 617_284], [0, 300, 100], [0, 0, 0]]),
        score("full", 0.6, [[1, 1, 2], [0, 3, 0], [0, 0, 4]]),
    ],
    "protocol": [["Split", "the whole town"]],
    "notes": ["the network was trained on {{script}} of these images"],
    "settings": [["max_epoch", "45"]],
    "versions": [["torch", "2.15.0"]],
    "images": [
        listed("tile 0", 0.75, 0),
        listed("tile 1", 0.5, 1),
        listed("tile 2", None, None),
        listed("tile 10", 0.25, None),
    ],
    "images_of": "eroded masks, TTA lr",
    "previews": "2 of 4 images can be looked at.",
    "viewer": [preview(0), preview(1)],
    "colormap": COLORMAP,
}


@pytest.fixture
def visit(opened):
    """Opens contents as a page."""

    def visit(contents=CONTENTS, hash="", **options):
        page = opened(REPORT_PAGE.render(contents), hash, **options)
        page.wait_for_selector(SHOWN)
        return page

    return visit


def changed(**parts):
    return copy.deepcopy(CONTENTS) | parts


def set_opacity(page, percent):
    page.locator("#opacity").fill(str(percent))


def show(page, left=None, right=None, **controls):
    sides = {"left-source": left, "right-source": right}
    for control, value in {**sides, **controls}.items():
        if value is not None:
            page.select_option(f"#{control}", value)
    page.wait_for_selector(SHOWN)


def names(page):
    return page.locator("#images tbody th").all_inner_texts()


def test_contents_stay_text():
    page = REPORT_PAGE.render(CONTENTS)
    stored = re.search(r'<script type="application/json" id="contents">([^<]*)</script>', page)
    assert json.loads(stored[1]) == CONTENTS
    assert "://" not in page
    with pytest.raises(ValueError):
        REPORT_PAGE.render(changed(title=float("nan")))


def test_names_are_shown_literally(visit):
    page = visit()
    assert page.locator("b", has_text=re.compile("^x$")).count() == 0
    for place in ("#classes tbody th", "#matrix tbody th", "#left-legend", "#class option"):
        assert HOSTILE in page.locator(place).first.text_content()
    assert "{{script}}" in text(page, "#notes")


def test_heatmaps(visit):
    page = visit()
    set_opacity(page, 100)
    for image, layer, index in ((0, 0, 0), (0, 0, 2), (0, 1, 2), (1, 1, 2), (1, 0, 1)):
        show(page, image=f"{image}", layer=f"{layer}", **{"class": f"{index}"})
        assert color(page, "right") == near(rgb(COLORMAP[heat(image, layer, index)]))


def test_masks_and_errors(visit):
    page = visit()
    set_opacity(page, 100)
    show(page, left="truth", right="prediction")
    palette = [entry["color"] for entry in CLASSES] + ["#202020"]
    for (u, v), truth, prediction in zip(QUARTERS, TRUTH, PREDICTION, strict=True):
        assert color(page, "left", u, v) == rgb(palette[truth])
        assert color(page, "right", u, v) == rgb(palette[prediction])
    show(page, left="errors", right="image")
    right, wrong, _, ignored = (color(page, "left", u, v) for u, v in QUARTERS)
    assert wrong == rgb("#e6003c")
    assert ignored == rgb("#8c8c8c")
    # the image stays visible where the prediction is right
    behind = color(page, "right", *QUARTERS[0])
    assert right == near([(255 * 110 + value * 145) / 255 for value in behind])


def test_opacity(visit):
    page = visit()
    show(page, left="image")
    set_opacity(page, 100)
    covered = color(page, "right", 0.3, 0.7)
    set_opacity(page, 0)
    bare = color(page, "right", 0.3, 0.7)
    assert bare == color(page, "left", 0.3, 0.7) == near([4 * 64 * 0.3, 5 * 48 * 0.7, 0], 6)
    set_opacity(page, 50)
    halfway = [(a + b) / 2 for a, b in zip(bare, covered, strict=True)]
    assert color(page, "right", 0.3, 0.7) == near(halfway)


def test_both_panes_zoom_and_move_together(visit):
    page = visit()
    show(page, left="image", right="image")
    places = ((0.1, 0.1), (0.25, 0.5), (0.5, 0.5), (0.9, 0.8))

    def seen():
        left, right = ([color(page, side, u, v) for u, v in places] for side in ("left", "right"))
        assert left == right
        return left

    whole = seen()
    page.locator("#right").scroll_into_view_if_needed()
    page.mouse.move(*inside(page, "right", 0.25, 0.5))
    page.mouse.wheel(0, -200)
    page.wait_for_function("document.getElementById('zoom-reset').textContent !== '100\\u00a0%'")
    zoomed = seen()
    assert zoomed[1] == near(whole[1], 5)
    assert zoomed[3][0] < whole[3][0] - 20

    page.mouse.move(*inside(page, "left", 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*inside(page, "left", 0.25, 0.5), steps=4)
    page.mouse.up()
    assert seen()[1] == near(zoomed[2], 5)

    page.locator("#left").dblclick()
    assert seen() == whole
    for button in ("#zoom-in", "#zoom-in", "#zoom-out"):
        page.locator(button).click()
    assert text(page, "#zoom-reset") == "150\u00a0%"
    assert seen() != whole
    page.locator("#zoom-reset").click()
    assert seen() == whole


def test_pixels_stay_crisp(visit):
    page = visit()
    show(page, left="image")
    for _ in range(6):
        page.locator("#zoom-in").click()
    row = page.evaluate(
        """() => {
          const canvas = document.getElementById("left");
          const strip = canvas.getContext("2d").getImageData(0, 100, canvas.width, 1);
          return [...strip.data].filter((_, index) => index % 4 === 0);
        }"""
    )
    # red is a multiple of 4 in every pixel and would not be in between
    assert 4 <= len(set(row)) <= 16
    assert {value % 4 for value in row} == {0}


def test_two_fingers_zoom(visit):
    page = visit(has_touch=True, width=800)
    page.locator("#left").scroll_into_view_if_needed()
    fingers = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [dict(zip("xy", inside(page, "left", *place), strict=True)) for place in places]
        event = {"type": kind, "touchPoints": points}
        fingers.send("Input.dispatchTouchEvent", event)

    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    touch("touchMove", (0.35, 0.5), (0.65, 0.5))
    touch("touchMove", (0.3, 0.5), (0.7, 0.5))
    touch("touchEnd")
    assert text(page, "#zoom-reset") == "200\u00a0%"


def test_readout(visit):
    page = visit()
    show(page, layer="1", **{"class": "1"})
    page.locator("#left").scroll_into_view_if_needed()
    page.mouse.move(*inside(page, "left", 0.755, 0.255))
    fields = page.locator("#readout > span").all_inner_texts()
    x, y = map(int, re.findall(r"\d+", fields[0]))
    assert (x, y) == near((128 * 0.755, 96 * 0.255), 1)
    value = f"{heat(0, 1, 1) / 255:.2f}"
    assert fields[1:3] == ["Truth Road", "Prediction Tree & Co"]
    assert fields[3] == f"Road, HBIS 2 {value}"
    assert page.locator(".cross:not([hidden])").get_attribute("id") == "right-cross"
    cross = page.evaluate("document.getElementById('right-cross').getBoundingClientRect()")
    assert (cross["x"], cross["y"]) == near(inside(page, "right", 0.755, 0.255))
    page.mouse.move(*inside(page, "left", 0.75, 0.75))
    assert "not counted" in text(page, "#readout")


def test_keys(visit):
    page = visit()

    def values():
        return [page.input_value(f"#{control}") for control in ("image", "class", "layer")]

    def press(key):
        page.keyboard.press(key)
        page.wait_for_selector(SHOWN)

    for key, wanted in (
        ("ArrowRight", ["1", "0", "0"]),
        ("ArrowRight", ["0", "0", "0"]),
        ("ArrowLeft", ["1", "0", "0"]),
        ("3", ["1", "2", "0"]),
        ("9", ["1", "2", "0"]),
        ("l", ["1", "2", "1"]),
        ("L", ["1", "2", "0"]),
    ):
        press(key)
        assert values() == wanted, key
    set_opacity(page, 100)
    assert color(page, "right") == near(rgb(COLORMAP[heat(1, 0, 2)]))
    page.locator("#opacity").blur()
    for key, zoom in (("+", 150), ("+", 225), ("-", 150), ("0", 100)):
        press(key)
        assert text(page, "#zoom-reset") == f"{zoom}\u00a0%"
    press("?")
    assert page.locator("#help p").is_visible()
    page.locator("#filter").press_sequentially("1l+")
    assert values() == ["1", "2", "0"]
    assert text(page, "#zoom-reset") == "100\u00a0%"


def test_links(visit):
    page = visit(hash="#image=tile+1&class=Tree+%26+Co&layer=2")
    set_opacity(page, 100)
    assert color(page, "right") == near(rgb(COLORMAP[heat(1, 1, 2)]))
    assert page.evaluate("scrollY") > 0
    show(page, image="0")
    again = visit(hash=page.evaluate("location.hash"))
    set_opacity(again, 100)
    assert color(again, "right") == near(rgb(COLORMAP[heat(0, 1, 2)]))


def test_scores(visit):
    page = visit()

    def rows(selector):
        return [row.split("\t") for row in page.locator(selector).all_inner_texts()]

    assert "80.00" in text(page, "#headline")
    table = rows("#classes tbody tr") + rows("#classes tfoot tr")
    table = [[cell.strip() for cell in row] for row in table]
    assert table[0] == [HOSTILE, "50.00", "", "66.67"]
    assert table[2] == ["Tree & Co not in the mean", "-", "", "-"]
    assert table[3] == ["Mean over 2 scored classes", "80.00", "", "70.00"]
    assert table[4] == ["Mean over all 3 classes", "40.00", "", "50.00"]
    assert table[5][:2] == ["Overall accuracy", "65.00"]
    page.select_option("#variant", label="full masks, TTA lr")
    assert "60.00" in text(page, "#headline")
    assert page.locator("#matrix tbody td").first.inner_text() == "25.0"


def test_confusion(visit):
    page = visit()

    def cells(selector="tbody td"):
        return page.locator(f"#matrix {selector}").all_inner_texts()

    # the last column is the recall, the last row the precision
    assert cells() == [
        *("50.0", "25.0", "25.0", "50.0"),
        *("0.0", "75.0", "25.0", "75.0"),
        *("-", "-", "-", "-"),
    ]
    assert cells("tfoot td") == ["100.0", "0.0", "0.0"]
    page.select_option("#matrix-mode", "counts")
    assert cells()[:3] == ["1.23\u00a0M", "617\u00a0k", "617\u00a0k"]
    assert cells()[4:7] == ["0", "300", "100"]
    title = page.locator("#matrix tbody td").nth(2).get_attribute("title")
    assert title == f"617,284 pixels of {HOSTILE} predicted as Tree & Co (25.00 %)"


def test_images(visit):
    page = visit()

    def sort(label):
        page.locator("#images thead button", has_text=label).click()

    # no score sorts last both ways
    assert names(page) == ["tile 10", "tile 1", "tile 0", "tile 2"]
    sort("mIoU")
    assert names(page) == ["tile 0", "tile 1", "tile 10", "tile 2"]
    sort("Road")
    assert names(page) == ["tile 0", "tile 1", "tile 10", "tile 2"]
    sort("Name")
    assert names(page) == ["tile 0", "tile 1", "tile 2", "tile 10"]
    page.locator("#filter").fill("LE 1")
    assert names(page) == ["tile 1", "tile 10"]
    assert text(page, "#found") == "2 of 4 images"
    page.locator("#images tbody tr").first.click()
    page.wait_for_selector(SHOWN)
    assert page.input_value("#image") == "1"
    assert "open" in page.locator("#images tbody tr").first.get_attribute("class")
    assert [text(page, f"#{end} li").split("\n")[0] for end in ("worst", "best")] == [
        "tile 10",
        "tile 0",
    ]
    page.locator("#best button").click()
    page.wait_for_selector(SHOWN)
    assert page.input_value("#image") == "0"


def test_thousands_of_images_come_as_they_are_scrolled_to(visit):
    page = visit(changed(images=[listed(f"tile {i}", i / 2000, None) for i in range(2000)]))
    rows = page.locator("#images tbody tr")
    first = rows.count()
    assert first < 500
    page.locator("#images-scroll").evaluate("(area) => area.scrollTo(0, area.scrollHeight)")
    page.wait_for_function(f"document.querySelectorAll('#images tbody tr').length > {first}")
    page.locator("#filter").fill("tile 1999")
    assert names(page) == ["tile 1999"]


def test_images_without_labels_and_heatmaps(visit):
    viewer = [preview(0) | {"truth": None, "heatmaps": []}]
    images = [listed("tile 0", None, 0) | {"OA": None, "IoU": [None] * 3}]
    page = visit(changed(scores=[], images=images, viewer=viewer))
    assert page.locator("#unscored").is_visible()
    for place in ("#scores", "#headline", "#extremes", "#class", "#layer", "#heatmap-keys"):
        assert page.locator(place).is_hidden()
    assert page.locator("#left-source option").all_inner_texts() == [
        "Image", "Truth", "Prediction", "Errors"
    ]  # fmt: skip
    disabled = page.locator("#left-source option:disabled").all_inner_texts()
    assert disabled == ["Truth", "Errors"]
    assert page.input_value("#right-source") == "image"
    page.keyboard.press("2")
    page.keyboard.press("l")
    assert page.evaluate("location.hash") == ""
    page.mouse.move(*inside(page, "left", 0.5, 0.5))
    assert "Truth" not in text(page, "#readout")


def test_no_previews(visit):
    page = visit(changed(viewer=[], images=[listed("tile 0", 0.5, None)]))
    assert page.locator("#viewer-body").is_hidden()
    assert text(page, "#previews") == CONTENTS["previews"]


def test_a_phone_scrolls_only_downwards(visit):
    many = [{"name": f"class number {i}", "color": "#808080", "scored": True} for i in range(32)]
    values = dict.fromkeys((entry["name"] for entry in many), 0.5)
    found = score("full", 0.5, [[10**6] * 32] * 32) | {"IoU": values, "F1": values}
    image = listed("a_very_long_name_without_any_space_" * 4, 0.5, 0) | {"IoU": [0.5] * 32}
    viewer = [preview(0) | {"name": image["name"], "heatmaps": []}]
    wide = changed(classes=many, scores=[found], images=[image] * 2, viewer=viewer)
    for contents in (CONTENTS, wide):
        page = visit(contents, width=360, height=740)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_dark(visit):
    def paper(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = visit(color_scheme="light"), visit(color_scheme="dark")
    assert paper(light) != paper(dark)
    wanted = paper(dark)
    light.locator("#theme").click()
    assert paper(light) == wanted
    light.locator("#theme").click()
    assert paper(light) != wanted
