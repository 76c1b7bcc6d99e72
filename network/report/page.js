const { scores, images } = contents;
const ROWS = 150;

const state = {
  variant: 0, mode: "percent", sort: scores.length ? 2 : 0, falling: false, filter: "",
  ...VIEWED, class: 0, layer: 0, left: "prediction", right: LAYERS ? "heatmap" : "truth",
};
const controlled = [renderControls, renderHeatmapControls];
const dependents = {
  variant: [renderHeadline, renderClasses, renderMatrix],
  mode: [renderMatrix],
  sort: [renderImages],
  falling: [renderImages],
  filter: [renderImages],
  image: [...controlled, markOpenRow, load],
  class: [...controlled, load],
  layer: [...controlled, load],
  opacity: [renderControls, drawPanes],
  left: [renderControls, renderLegends, drawPanes],
  right: [renderControls, renderLegends, drawPanes],
  view: [drawPanes],
  pointer: [renderReadout],
};

const meter = (share) => styled(make("span", { className: "meter" }), "--share", share ?? 0);
const ratio = (part, whole) => (whole ? part / whole : null);

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
  for (const id of ["protocol", "settings", "versions"]) fillPairs(id, contents[id]);
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

const scoreColumns = [
  { label: "Pixels", of: ({ pixels }) => pixels, text: exact },
  { label: "mIoU", of: ({ mIoU }) => mIoU },
  { label: "OA", of: ({ OA }) => OA },
  ...classes.map(({ name, color }, index) => ({ label: name, color, of: ({ IoU }) => IoU[index] })),
];
const columns = [{ label: "Name", of: ({ name }) => name }, ...(scores.length ? scoreColumns : [])];
let listed = [];

function renderImages() {
  const { of } = columns[state.sort];
  const wanted = state.filter.toLowerCase();
  listed = images
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort((a, b) => compare(of(a), of(b), state.falling) || collator.compare(a.name, b.name));
  $("found").textContent = `${wanted ? `${listed.length} of ` : ""}${images.length} images`;
  markSorted($("images").tHead.rows[0], state.sort, state.falling);
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
  $("images").tHead.append(sortingHead(columns, sortBy));
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

// Start

renderFacts();
if (scores.length) update({ variant: 0 });
renderImageHead();
renderExtremes();
renderImages();
prepareHeatmaps();
startViewer();
$("variant").onchange = ({ target }) => update({ variant: Number(target.value) });
$("matrix-mode").onchange = ({ target }) => update({ mode: target.value });
$("filter").oninput = ({ target }) => update({ filter: target.value });
$("images-scroll").onscroll = ({ target }) => {
  if (target.scrollTop + 2 * target.clientHeight > target.scrollHeight) addRows();
};
