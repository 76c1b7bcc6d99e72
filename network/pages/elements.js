// What all pages are made with

const contents = JSON.parse(document.getElementById("contents").textContent);

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
const named = ({ name, color }) => make("span", {}, swatch(color), name);
const rowOf = (...cells) => make("tr", {}, ...cells);
const head = (...children) => make("th", { scope: "row" }, ...children);
const number = (text, extra = "") => make("td", { className: `number ${extra}` }, text);

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const short = (count) => compact.format(count).replace("K", "k").replace(/(?=[a-z])/i, "\u00a0");
const exact = (count) => count?.toLocaleString("en") ?? "-";
const percent = (share, digits = 2) => (share == null ? "-" : (100 * share).toFixed(digits));
const sum = (values) => values.reduce((total, value) => total + value, 0);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function fillSelect(id, labels) {
  $(id).append(...labels.map((label, value) => new Option(label, value)));
}

function fillPairs(id, pairs) {
  const rows = pairs.map(([label, text]) => rowOf(head(label), make("td", {}, text)));
  $(id).tBodies[0].append(...rows);
}

// Sorting

const collator = new Intl.Collator("en", { numeric: true });

function compare(a, b, falling) {
  if (a == null || b == null) return (a == null) - (b == null);
  const order = typeof a === "string" ? collator.compare(a, b) : a - b;
  return falling ? -order : order;
}

function sortingHead(columns, sortBy) {
  const cells = columns.map(({ label, color }, index) => {
    const mark = color ? [swatch(color)] : [];
    const button = make("button", { type: "button", onclick: () => sortBy(index) }, ...mark, label);
    return make("th", { scope: "col", className: index ? "number" : "" }, button);
  });
  return rowOf(...cells);
}

function markSorted(row, sort, falling) {
  [...row.cells].forEach((cell, index) => {
    if (index === sort) cell.ariaSort = falling ? "descending" : "ascending";
    else cell.removeAttribute("aria-sort");
  });
}

// Light and dark, print

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

function nameTheme() {
  const { colorScheme } = document.documentElement.style;
  const dark = colorScheme ? colorScheme === "dark" : SYSTEM.matches;
  $("theme").textContent = dark ? "Light" : "Dark";
}

nameTheme();
$("theme").onclick = () => {
  document.documentElement.style.colorScheme = $("theme").textContent.toLowerCase();
  nameTheme();
};
SYSTEM.onchange = nameTheme;
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("main > section > details")) details.open = true;
});
