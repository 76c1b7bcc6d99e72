const contents = JSON.parse(document.getElementById("contents").textContent);
const { classes, scores, images, viewer } = contents;

const SOURCES = {
  image: { label: "Image", in: () => true },
  truth: { label: "Truth", in: (entry) => entry.truth },
  prediction: { label: "Prediction", in: (entry) => entry.prediction },
  errors: { label: "Errors", in: (entry) => entry.truth && entry.prediction },
  heatmap: { label: "Heatmap", in: (entry) => entry.heatmaps.length },
};
const ERRORS = [
  { name: "right", color: "#ffffff", alpha: 110 },
  { name: "wrong", color: "#e6003c", alpha: 255 },
  { name: "not counted", color: "#8c8c8c", alpha: 255 },
];
const SYSTEM = matchMedia("(prefers-color-scheme: dark)");
const SIDES = ["left", "right"];
const LAYERS = Math.max(0, ...viewer.map(({ heatmaps }) => heatmaps.length));
if (!LAYERS) delete SOURCES.heatmap;
const ROWS = 150;
const STEP = 1.5;
const CLOSEST = 40;
const SMOOTH_BELOW = 2;
const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };

const state = {
  variant: 0, mode: "percent", sort: scores.length ? 2 : 0, falling: false, filter: "",
  image: 0, class: 0, layer: 0, opacity: 0.6, left: "prediction", right: LAYERS ? "heatmap" : "truth",
  view: WHOLE, pointer: null,
};
const dependents = {
  variant: [renderHeadline, renderClasses, renderMatrix],
  mode: [renderMatrix],
  sort: [renderImages],
  falling: [renderImages],
  filter: [renderImages],
  image: [renderControls, markOpenRow, load],
  class: [renderControls, load],
  layer: [renderControls, load],
  opacity: [renderControls, drawPanes],
  left: [renderControls, renderLegends, drawPanes],
  right: [renderControls, renderLegends, drawPanes],
  view: [drawPanes],
  pointer: [renderReadout],
};

function update(change) {
  Object.assign(state, change);
  new Set(Object.keys(change).flatMap((key) => dependents[key])).forEach((render) => render());
}

// Elements, texts and numbers

const $ = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function styled(element, name, value) {
  element.style.setProperty(name, value);
  return element;
}

const swatch = (color) => styled(make("span", { className: "swatch" }), "background", color);
const meter = (share) => styled(make("span", { className: "meter" }), "--share", share ?? 0);
const named = ({ name, color }) => make("span", {}, swatch(color), name);
const rowOf = (...cells) => make("tr", {}, ...cells);
const head = (...children) => make("th", { scope: "row" }, ...children);
const number = (text, extra = "") => make("td", { className: `number ${extra}` }, text);

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const short = (count) => compact.format(count).replace("K", "k").replace(/(?=[a-z])/i, "\u00a0");
const exact = (count) => count?.toLocaleString("en") ?? "-";
const percent = (share, digits = 2) => (share == null ? "-" : (100 * share).toFixed(digits));
const sum = (values) => values.reduce((total, value) => total + value, 0);
const ratio = (part, whole) => (whole ? part / whole : null);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function fillSelect(id, labels) {
  $(id).append(...labels.map((label, value) => new Option(label, value)));
}

// Head and scores

const variantName = ({ title }) => title;

function renderFacts() {
  document.title = $("title").textContent = contents.title;
  const facts = { Run: contents.run, Checkpoint: contents.checkpoint, Tested: contents.created };
  for (const [label, text] of Object.entries(facts)) {
    $("facts").append(make("div", {}, make("dt", {}, label), make("dd", {}, text)));
  }
  $("notes").append(...contents.notes.map((note) => make("li", {}, note)));
  $("notes").hidden = !contents.notes.length;
  for (const id of ["protocol", "settings", "versions"]) {
    const rows = contents[id].map(([label, text]) => rowOf(head(label), make("td", {}, text)));
    $(id).tBodies[0].append(...rows);
  }
  $("scores").hidden = $("scored").hidden = !scores.length;
  $("unscored").hidden = scores.length > 0;
  $("scores").classList.toggle("stacked", classes.length > 10);
  fillSelect("variant", scores.map(variantName));
  $("variant").parentElement.hidden = scores.length < 2;
}

function renderHeadline() {
  const chosen = scores[state.variant];
  const figure = (key) => make("dd", {}, percent(chosen[key]), make("small", {}, " %"));
  const figures = ["mIoU", "mF1", "OA"].map((key) =>
    make("div", {}, make("dt", {}, key), figure(key)),
  );
  $("headline").replaceChildren(...figures);
  const only = scores.length < 2 ? `${variantName(chosen)}, ` : "";
  $("counted").textContent = `${only}${short(chosen.pixels)} pixels`;
  $("counted").title = exact(chosen.pixels);
}

function renderClasses() {
  const chosen = scores[state.variant];
  const row = (label, iou, f1, ...bar) =>
    rowOf(head(...label), number(iou), make("td", { className: "wide" }, ...bar), number(f1));
  const rows = classes.map((entry) => {
    const [iou, f1] = [chosen.IoU[entry.name], chosen.F1[entry.name]];
    const mark = entry.scored ? [] : [" ", make("small", {}, "not in the mean")];
    const bar = iou == null ? [] : [meter(iou)];
    return row([named(entry), ...mark], percent(iou), percent(f1), ...bar);
  });
  const scored = classes.filter((entry) => entry.scored).length;
  const mean = (of, iou, f1) => row([`Mean over ${of} classes`], percent(iou), percent(f1));
  const means = [mean(`${scored} scored`, chosen.mIoU, chosen.mF1)];
  if (scored < classes.length) {
    means.push(mean(`all ${classes.length}`, chosen.mIoU_all, chosen.mF1_all));
  }
  means.push(row(["Overall accuracy"], percent(chosen.OA), ""));
  $("classes").tBodies[0].replaceChildren(...rows);
  $("classes").tFoot.replaceChildren(...means);
}

function renderMatrix() {
  const counts = scores[state.variant].confusion;
  const found = counts.map(sum);
  const predicted = classes.map((_, column) => sum(counts.map((row) => row[column])));
  const margin = (part, whole) => number(percent(ratio(part, whole), 1), "margin");
  const column = (content, properties) => make("th", { scope: "col", ...properties }, content);

  const cell = (count, row, column) => {
    const share = ratio(count, found[row]);
    const text = state.mode === "counts" ? short(count) : percent(share, 1);
    const element = number(text, row === column ? "diagonal" : "");
    const pair = `${classes[row].name} predicted as ${classes[column].name}`;
    element.title = `${exact(count)} pixels of ${pair} (${percent(share)} %)`;
    return styled(element, "--shade", Math.sqrt(share ?? 0));
  };
  const across = { colSpan: classes.length, scope: "colgroup", className: "over" };
  $("matrix").tHead.replaceChildren(
    rowOf(
      column("Truth", { rowSpan: 2 }),
      column("Prediction", across),
      column("Recall %", { rowSpan: 2, className: "number" }),
    ),
    rowOf(...classes.map(({ name }) => column(make("span", { title: name }, name)))),
  );
  const rows = classes.map((entry, row) => {
    const cells = counts[row].map((count, column) => cell(count, row, column));
    return rowOf(head(named(entry)), ...cells, margin(counts[row][row], found[row]));
  });
  const precisions = predicted.map((whole, index) => margin(counts[index][index], whole));
  $("matrix").tBodies[0].replaceChildren(...rows);
  $("matrix").tFoot.replaceChildren(rowOf(head("Precision %"), ...precisions));
}

// Images

const collator = new Intl.Collator("en", { numeric: true });
const scoreColumns = [
  { label: "Pixels", of: ({ pixels }) => pixels, text: exact },
  { label: "mIoU", of: ({ mIoU }) => mIoU },
  { label: "OA", of: ({ OA }) => OA },
  ...classes.map(({ name, color }, index) => ({ label: name, color, of: ({ IoU }) => IoU[index] })),
];
const columns = [{ label: "Name", of: ({ name }) => name }, ...(scores.length ? scoreColumns : [])];
let listed = [];

function compare(a, b) {
  if (a == null || b == null) return (a == null) - (b == null);
  const order = typeof a === "string" ? collator.compare(a, b) : a - b;
  return state.falling ? -order : order;
}

function renderImages() {
  const { of } = columns[state.sort];
  const wanted = state.filter.toLowerCase();
  listed = images
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort((a, b) => compare(of(a), of(b)) || collator.compare(a.name, b.name));
  $("found").textContent = `${wanted ? `${listed.length} of ` : ""}${images.length} images`;
  [...$("images").tHead.rows[0].cells].forEach((cell, index) => {
    if (index === state.sort) cell.ariaSort = state.falling ? "descending" : "ascending";
    else cell.removeAttribute("aria-sort");
  });
  $("images").tBodies[0].replaceChildren();
  $("images-scroll").scrollTop = 0;
  addRows();
}

function addRows() {
  const body = $("images").tBodies[0];
  body.append(...listed.slice(body.rows.length, body.rows.length + ROWS).map(imageRow));
  markOpenRow();
}

function imageRow(image) {
  const cells = columns.slice(1).map(({ of, text = percent }) => number(text(of(image))));
  return opening(rowOf(head(nameOf(image)), ...cells), image);
}

function nameOf({ name, viewer: index }) {
  return index == null ? name : make("button", { type: "button", className: "link" }, name);
}

function opening(element, { viewer: index }) {
  if (index == null) return element;
  element.dataset.viewer = index;
  element.onclick = () => open(index);
  return element;
}

function markOpenRow() {
  for (const row of $("images").tBodies[0].rows) {
    row.classList.toggle("open", row.dataset.viewer === String(state.image));
  }
}

function renderImageHead() {
  const sortBy = (sort) =>
    update(sort === state.sort ? { falling: !state.falling } : { sort, falling: false });
  const cells = columns.map(({ label, color }, index) => {
    const mark = color ? [swatch(color)] : [];
    const onclick = () => sortBy(index);
    const button = make("button", { type: "button", onclick }, ...mark, label);
    return make("th", { scope: "col", className: index ? "number" : "" }, button);
  });
  $("images").tHead.append(rowOf(...cells));
  if (scores.length) $("images-of").textContent = `IoU and OA in percent, ${contents.images_of}.`;
}

function renderExtremes() {
  const ranked = images.filter(({ mIoU }) => mIoU != null).sort((a, b) => a.mIoU - b.mIoU);
  const many = Math.min(5, Math.floor(ranked.length / 2));
  const item = (image) => {
    const score = make("span", { className: "number" }, percent(image.mIoU));
    const name = make("span", {}, nameOf(image));
    return opening(make("li", {}, name, score, meter(image.mIoU)), image);
  };
  $("worst").append(...ranked.slice(0, many).map(item));
  $("best").append(...ranked.reverse().slice(0, many).map(item));
  $("extremes").hidden = !many;
}
