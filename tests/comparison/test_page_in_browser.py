"""The page of a comparison in a browser, with numbers and masks that are known."""

import copy

import numpy as np
import pytest

from network.comparison.page_contents import STUDY_PAGE
from tests.browsing import SHOWN, color, inside, near, rgb, text, uri

HOSTILE = "</script><b>x"
NAMES = ("plain", HOSTILE, "third")
CLASSES = [{"name": "Road", "color": "#c00000"}, {"name": "Roof", "color": "#00c000"}]
TRUTH = (0, 1, 1, 2)  # left above, right above, left below, right below; 2 is not counted
MASKS = ((0, 1, 1, 0), (0, 0, 1, 1), (1, 0, 0, 0))
QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
GRAY = np.full((48, 64, 3), 100, np.uint8)


def quarters(values):
    return uri(np.kron(np.array(values, np.uint8).reshape(2, 2), np.ones((24, 32), np.uint8)))


def score(mean, best=False, as_good=False, of_reference=None, runs=None):
    """``of_reference``: difference and the ends of its interval."""
    runs = [mean] if runs is None else runs
    difference, low, high = of_reference or (None,) * 3
    texts = ["-" if run is None else f"{100 * run:.2f}" for run in runs]
    return {
        "mean": mean, "std": None, "best": best, "as_good_as_best": as_good,
        "difference": difference, "low": low, "high": high,
        "text": "-" if mean is None else f"{100 * mean:.2f} ± 1.00",
        "difference_text": "-" if difference is None else f"{100 * difference:+.2f} [..]",
        "runs": runs, "run_texts": texts,
    }  # fmt: skip


def method(name, mious, road, difference, cost, **marks):
    of = score(sum(mious) / len(mious), of_reference=difference, runs=mious, **marks)
    return {
        "name": name,
        "seeds": list(range(len(mious))),
        "scores": [score(road), of],
        "costs": [{"value": cost, "text": "-" if cost is None else f"{cost / 1e6:.2f}"}],
    }


def entry(name):
    return {
        "name": name, "width": 128, "height": 96, "image": uri(GRAY),
        "truth": quarters(TRUTH), "predictions": [quarters(mask) for mask in MASKS],
    }  # fmt: skip


CONTENTS = {
    "title": "Town, test",
    "facts": [("Methods", "3")],
    "reference": "plain",
    "scores": ["Road", "mIoU"],
    "first": 1,
    "costs": ["Parameters (M)"],
    "methods": [
        method("plain", [0.5, 0.6], 0.4, None, 2_000_000, best=True),
        method(HOSTILE, [0.53, 0.55], 0.9, (-0.01, -0.05, 0.03), None, as_good=True),
        method("third", [0.30], None, (-0.25, -0.3, -0.2), 10_000_000),
    ],
    "caption": ["Town, test split, 2 images.", "Bold {{script}}."],
    "tests": [["plain", "0", "out/a", "0123", "abc", "cpu"]],
    "settings": [("lr", ["1", "2", "3"])],
    "classes": CLASSES,
    "ignore_index": 2,
    "ignore_color": "#202020",
    "previews": "All 2 images.",
    "viewer": [entry("tile 0"), entry("tile 1")],
}


@pytest.fixture
def visit(opened):
    def visit(contents=CONTENTS, hash="", **options):
        page = opened(STUDY_PAGE.render(contents), hash, **options)
        page.wait_for_selector(SHOWN)
        return page

    return visit


def changed(**parts):
    return copy.deepcopy(CONTENTS) | parts


def order(page, table="table"):
    names = page.locator(f"#{table} tbody th").all_inner_texts()
    return [NAMES.index(name.split("\n")[0]) for name in names]


def sorts(page):
    return [head.get_attribute("aria-sort") for head in page.locator("#table thead th").all()]


def test_the_table(visit):
    page = visit()
    rows = [row.split("\t") for row in page.locator("#table tbody tr").all_inner_texts()]
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    assert rows == [
        ["plain reference", "40.00 ± 1.00", "55.00 ± 1.00", "2.00"],
        [HOSTILE, "90.00 ± 1.00", "54.00≈ ± 1.00", "-"],
        ["third", "-", "30.00 ± 1.00", "10.00"],
    ]
    assert page.locator("#table strong").all_inner_texts() == ["55.00"]
    assert page.locator("#caption li").all_inner_texts() == CONTENTS["caption"]
    assert page.locator("#table").get_attribute("aria-describedby") == "caption"
    assert page.locator("b", has_text="x").count() == 0
    assert text(page, "h1") == page.title() == "Town, test"


def test_sorting_by_mouse(visit):
    page = visit()

    def click(label):
        page.locator("#table thead button", has_text=label).click()

    assert (order(page), sorts(page)) == ([0, 1, 2], [None] * 4)
    click("Road")  # the highest first; no score comes last both ways
    assert (order(page), sorts(page)) == ([1, 0, 2], [None, "descending", None, None])
    assert order(page, "runs") == [1, 0, 2]
    click("Road")
    assert (order(page), sorts(page)) == ([0, 1, 2], [None, "ascending", None, None])
    click("mIoU")
    assert (order(page), sorts(page)) == ([0, 1, 2], [None, None, "descending", None])
    click("mIoU")
    assert order(page) == [2, 1, 0]
    click("mIoU")
    assert (order(page), sorts(page)) == ([0, 1, 2], [None] * 4)
    click("Parameters")  # the cheapest first
    assert (order(page), sorts(page)) == ([0, 2, 1], [None, None, None, "ascending"])
    click("Parameters")
    assert order(page) == [2, 0, 1]
    click("Method")
    assert order(page) == [1, 0, 2]


def test_sorting_by_keyboard(visit):
    page = visit()
    page.locator("#theme").focus()
    for _ in range(3):  # the area that scrolls, Method, Road
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert (order(page), sorts(page)[1]) == ([1, 0, 2], "descending")
    page.keyboard.press("Space")
    assert (order(page), sorts(page)[1]) == ([0, 1, 2], "ascending")


def places(page, row, mark):
    """Middles of marks in a row of the plots, in pixels from the left."""
    return page.evaluate(
        """([row, mark]) =>
          [...document.querySelectorAll("#runs tbody tr")[row].querySelectorAll(mark)].map((at) => {
            const { left, width } = at.getBoundingClientRect();
            return left + width / 2;
          })""",
        [row, mark],
    )


def test_every_seed_is_drawn_on_one_scale(visit):
    page = visit()
    (a, b), (c, d), (e,) = (places(page, row, ".run") for row in range(3))
    pixels = (b - a) / 0.1
    assert [c - a, d - a, a - e] == near([0.03 * pixels, 0.05 * pixels, 0.2 * pixels], 0.5)
    (mean,) = places(page, 0, ".average")
    assert mean == near((a + b) / 2, 0.5)
    assert "seed 1: 60.00" in page.locator("#runs .run title").nth(1).text_content()
    assert "50.00, 60.00" in page.locator("#runs tbody tr").first.inner_text()


def test_differences_are_drawn_as_intervals(visit):
    page = visit()
    rows = page.locator("#runs tbody tr")
    assert "reference" in rows.nth(0).inner_text()
    assert "-1.00 [..]" in rows.nth(1).inner_text()
    assert rows.nth(0).locator(".whisker").count() == 0
    zeros = [places(page, row, ".zero")[0] for row in range(3)]
    assert zeros == near([zeros[0]] * 3, 0.5)
    (near_zero,), (apart,) = places(page, 1, ".open"), places(page, 2, ".apart")
    pixels = (zeros[0] - apart) / 0.25
    assert zeros[0] - near_zero == near(0.01 * pixels, 0.5)
    _, low, high = places(page, 1, ".whisker")  # the bar, then its ends
    assert [low, high] == near([zeros[0] - 0.05 * pixels, zeros[0] + 0.03 * pixels], 0.5)
    label = rows.nth(2).locator("svg").nth(1).get_attribute("aria-label")
    assert label == "third: -25.00 [..]"


def test_another_score_may_be_chosen(visit):
    page = visit()
    assert page.locator("#score option:checked").inner_text() == "mIoU"
    page.select_option("#score", label="Road")
    assert "Road % of every seed" in text(page, "#runs thead")
    assert "90.00" in page.locator("#runs tbody tr").nth(1).inner_text()
    assert page.locator("#runs .run").count() == 2  # no score, no dot
    assert page.locator("#runs .whisker").count() == 0


def test_without_a_reference_there_are_no_differences(visit):
    page = visit(changed(reference=None))
    assert page.locator("#runs thead th").count() == 3
    assert page.locator("#runs .zero").count() == 0
    assert "Without a reference" in text(page, "#runs-note")


def choose(page, **controls):
    for control, value in controls.items():
        page.select_option(f"#{control.replace('_', '-')}", label=value)
    page.wait_for_selector(SHOWN)


def test_two_methods_side_by_side(visit):
    page = visit()
    page.locator("#opacity").fill("100")
    assert page.locator("#left-source option").all_inner_texts() == [
        "Image", "Truth",
        *(label for name in NAMES for label in (name, f"{name}: errors")),
    ]  # fmt: skip
    palette = [rgb(each["color"]) for each in CLASSES] + [rgb("#202020")]
    for left, right in ((0, 1), (1, 2)):
        choose(page, left_source=NAMES[left], right_source=NAMES[right])
        for (u, v), a, b in zip(QUARTERS, MASKS[left], MASKS[right], strict=True):
            assert color(page, "left", u, v) == palette[a]
            assert color(page, "right", u, v) == palette[b]
    choose(page, left_source="Truth", right_source="Image", image="tile 1")
    assert [color(page, "left", u, v) for u, v in QUARTERS] == [palette[t] for t in TRUTH]
    assert color(page, "right") == near([100] * 3)


def test_errors_of_a_method(visit):
    page = visit()
    page.locator("#opacity").fill("100")
    choose(page, left_source=f"{HOSTILE}: errors", right_source="third: errors")
    right, wrong, ignored = (
        near([(255 * 110 + 100 * 145) / 255] * 3),
        rgb("#e6003c"),
        rgb("#8c8c8c"),
    )
    assert [color(page, "left", u, v) for u, v in QUARTERS] == [right, wrong, right, ignored]
    assert [color(page, "right", u, v) for u, v in QUARTERS] == [wrong, wrong, wrong, ignored]
    page.locator("#left").scroll_into_view_if_needed()
    page.mouse.move(*inside(page, "left", 0.755, 0.255))
    assert page.locator("#readout > span").all_inner_texts()[1:] == [
        "Truth Roof", "plain Roof", f"{HOSTILE} Road", "third Road",
    ]  # fmt: skip


def test_links_name_image_and_methods(visit):
    page = visit()
    choose(page, image="tile 1", left_source="third: errors", right_source=HOSTILE)
    again = visit(hash=page.evaluate("location.hash"))
    values = [
        again.locator(f"#{control} option:checked").inner_text()
        for control in ("image", "left-source", "right-source")
    ]
    assert values == ["tile 1", "third: errors", HOSTILE]


def test_one_method_without_images(visit):
    page = visit(changed(methods=CONTENTS["methods"][:1], viewer=[], classes=[], settings=[]))
    assert page.locator("#viewer-body").is_hidden()
    assert page.locator("#differing").is_hidden()
    assert text(page, "#previews") == "All 2 images."
    assert page.locator("#runs .run").count() == 2


def test_equal_scores_have_a_scale(visit):
    one = method("plain", [0.5, 0.5], 0.5, None, None)
    page = visit(changed(methods=[one, one | {"name": "third"}]))
    assert places(page, 0, ".run") == places(page, 1, ".run")
    assert page.locator("#runs tfoot text").count() > 0


@pytest.mark.parametrize("width", [360, 700, 1400])
def test_the_page_scrolls_only_downwards(visit, width):
    long = "a_very_long_name_without_any_space_" * 4
    many = [
        method(f"{long}{index}", [0.5, 0.6], 0.4, (0.1, 0.05, 0.2), 2_000_000) for index in range(3)
    ]
    page = visit(changed(methods=many, reference=f"{long}0"), width=width)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_print_is_light_and_whole(visit):
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#tests td", has_text="out/a").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert page.locator("#table thead button").first.is_visible()
    assert page.locator("#score").is_visible()
