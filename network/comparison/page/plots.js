// Rows of a plot: values on a scale, drawn in percent of the width

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function scaleFor(values) {
  const known = values.filter((value) => value != null);
  if (!known.length) return { at: () => "0%", ticks: [] };
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const margin = 0.06 * (high - low) || 0.005;
  const [from, to] = [low - margin, high + margin];
  const step = niceStep((to - from) / 4);
  const first = Math.ceil(from / step);
  const count = Math.floor(to / step) - first + 1;
  const ticks = Array.from({ length: count }, (_, index) => (first + index) * step);
  const digits = clamp(Math.ceil(-Math.log10(100 * step) - 1e-9), 0, 4);
  return { at: (value) => `${(100 * (value - from)) / (to - from)}%`, ticks, digits };
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((times) => times * power >= least);
}

function line(x1, x2, y1, y2, className) {
  return svg("line", { x1, x2, y1, y2, class: className });
}

const upright = (x, className) => line(x, x, 0, "100%", className);

function dot(x, className, title, r = 4.5) {
  const mark = svg("circle", { cx: x, cy: "50%", r, class: className });
  mark.append(svg("title", {}, title));
  return mark;
}

function plotCell(label, ...marks) {
  const picture = svg("svg", { role: "img", "aria-label": label }, ...marks);
  return make("td", { className: "plot" }, picture);
}

function grid({ at, ticks }) {
  return ticks.map((value) => upright(at(value), "tick"));
}

function axisCell({ at, ticks, digits }, sign = false) {
  const text = (value) => {
    const shown = percent(Math.abs(value), digits);
    const mark = value < 0 ? "\u2212" : sign && Number(shown) ? "+" : "";
    return svg("text", { x: at(value), y: "1em" }, `${mark}${shown}`);
  };
  const axis = svg("svg", { class: "axis", "aria-hidden": true }, ...ticks.map(text));
  return make("td", { className: "plot" }, axis);
}
