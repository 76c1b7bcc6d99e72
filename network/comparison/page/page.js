const { scores, costs, reference } = contents;

const place = (name) => methods.findIndex((method) => method.name === name);
const [shownLeft, shownRight] = (() => {
  const first = Math.max(0, place(reference));
  return [first, methods.findIndex((_, index) => index !== first)];
})();
const state = {
  ...VIEWED, sort: -1, falling: false, score: contents.first,
  left: `mask ${shownLeft}`, right: shownRight < 0 ? "truth" : `mask ${shownRight}`,
};
const dependents = {
  sort: [renderTable, renderRuns],
  falling: [renderTable, renderRuns],
  score: [renderRuns],
  image: [renderControls, load],
  opacity: [renderControls, drawPanes],
  left: [renderControls, renderLegends, drawPanes],
  right: [renderControls, renderLegends, drawPanes],
  view: [drawPanes],
  pointer: [renderReadout],
};

// The table

const columns = [
  { label: "Method", of: ({ name }) => name, rises: true },
  ...scores.map((label, index) => ({ label, of: (method) => method.scores[index].mean })),
  ...costs.map((label, index) => ({ label, of: (method) => method.costs[index].value, rises: true })),
];

function sortBy(sort) {
  const falling = !columns[sort].rises;
  if (state.sort !== sort) update({ sort, falling });
  else if (state.falling === falling) update({ falling: !falling });
  else update({ sort: -1, falling: false });
}

function ordered() {
  const column = columns[state.sort];
  if (!column) return methods;
  return [...methods].sort((a, b) => compare(column.of(a), column.of(b), state.falling));
}

function nameCell({ name }) {
  const mark = name === reference ? [make("small", {}, "reference")] : [];
  return head(name, ...mark);
}

function scoreCell({ text, best, as_good_as_best: asGood }, index) {
  const [mean, deviation] = text.split(" ± ");
  const shown = make(best ? "strong" : "span", {}, mean);
  const title = asGood ? "not distinguishable from the highest" : "";
  const mark = make("abbr", { title }, asGood ? "≈" : "");
  const spread = deviation == null ? [] : [" ", make("small", {}, `± ${deviation}`)];
  return number(make("span", {}, shown, mark, ...spread), index === contents.first ? "mean" : "");
}

function renderTable() {
  markSorted($("table").tHead.rows[0], state.sort, state.falling);
  const rows = ordered().map((method) =>
    rowOf(
      nameCell(method),
      ...method.scores.map(scoreCell),
      ...method.costs.map(({ text }, index) => number(text, index ? "" : "mean")),
    ),
  );
  $("table").tBodies[0].replaceChildren(...rows);
}

// Every seed, and the differences to the reference

const compared = reference != null && methods.length > 1;

function renderRuns() {
  const chosen = methods.map((method) => method.scores[state.score]);
  const scale = scaleFor(chosen.flatMap(({ runs, mean }) => [...runs, mean]));
  const differences = scaleFor([0, ...chosen.flatMap(({ low, high, difference }) => [low, high, difference])]);
  const column = (label, className = "") => make("th", { scope: "col", className }, label);
  const name = scores[state.score];
  const heads = [column("Method"), column(`${name} % of every seed`), column("Mean, seeds", "number")];
  if (compared) heads.push(column(`${name} − ${reference}, points`), column("95% interval", "number"));
  $("runs").tHead.replaceChildren(rowOf(...heads));
  const rows = ordered().map((method) => {
    const score = method.scores[state.score];
    const cells = [nameCell(method), ...runCells(method, score, scale)];
    if (compared) cells.push(...differenceCells(method, score, differences));
    return rowOf(...cells);
  });
  $("runs").tBodies[0].replaceChildren(...rows);
  const axes = [make("td"), axisCell(scale), make("td")];
  if (compared) axes.push(axisCell(differences, true), make("td"));
  $("runs").tFoot.replaceChildren(rowOf(...axes));
}

function runCells({ name, seeds }, { mean, text, runs, run_texts: texts }, scale) {
  const said = seeds.map((seed, index) => `seed ${seed}: ${texts[index]}`);
  const dots = runs.flatMap((run, index) =>
    run == null ? [] : [dot(scale.at(run), "run", said[index])],
  );
  const average = mean == null ? [] : [line(scale.at(mean), scale.at(mean), "20%", "80%", "average")];
  const label = `${name}: ${said.join(", ")}`;
  const listed = seeds.length > 1 ? [make("small", { title: said.join(", ") }, texts.join(", "))] : [];
  return [
    plotCell(label, ...grid(scale), ...average, ...dots),
    make("td", { className: "number" }, text, ...listed),
  ];
}

function differenceCells({ name }, { difference, low, high, difference_text: text }, scale) {
  const zero = upright(scale.at(0), "zero");
  if (difference == null) {
    const none = name === reference ? "reference" : "-";
    return [plotCell(none, ...grid(scale), zero), number(none, "muted")];
  }
  const marks = [];
  if (low != null) {
    const [from, to] = [low, high].map(scale.at);
    marks.push(line(from, to, "50%", "50%", "whisker"));
    marks.push(...[from, to].map((end) => line(end, end, "38%", "62%", "whisker")));
  }
  const apart = low > 0 || high < 0;
  marks.push(dot(scale.at(difference), apart ? "apart" : "open", text));
  return [plotCell(`${name}: ${text}`, ...grid(scale), zero, ...marks), number(text)];
}

// Tests, and the start

function fillTable(id, heads, rows) {
  const cells = heads.map((label) => make("th", { scope: "col" }, label));
  $(id).tHead.append(rowOf(...cells));
  const filled = rows.map(([first, ...others]) =>
    rowOf(head(first), ...others.map((text) => make("td", {}, text))),
  );
  $(id).tBodies[0].append(...filled);
}

document.title = $("title").textContent = contents.title;
for (const [label, text] of contents.facts) {
  $("facts").append(make("div", {}, make("dt", {}, label), make("dd", {}, text)));
}
$("caption").append(...contents.caption.map((sentence) => make("li", {}, sentence)));
$("table").tHead.append(sortingHead(columns, sortBy));
$("runs").classList.toggle("alone", !compared);
$("runs-note").textContent = compared
  ? "Dots: single seeds; line: their mean. Filled: the 95% interval of the difference does not hold 0."
  : "Dots: single seeds; line: their mean. Without a reference no differences are drawn.";
fillSelect("score", scores);
$("score").value = state.score;
$("score").onchange = ({ target }) => update({ score: Number(target.value) });
fillTable("tests", ["Method", "Seed", "Folder", "Checkpoint", "Commit", "Device"], contents.tests);
const names = methods.map(({ name }) => name);
fillTable("settings", ["Setting", ...names], contents.settings.map(([name, of]) => [name, ...of]));
$("differing").hidden = !contents.settings.length;
renderTable();
renderRuns();
startViewer();
