// The viewer: two panes that show the same part of an image, each with one of a page's SOURCES

const SIDES = ["left", "right"];
const STEP = 1.5;
const CLOSEST = 40;
const SMOOTH_BELOW = 2;
const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };
const VIEWED = { image: 0, opacity: 0.6, view: WHOLE, pointer: null };

const shown = (side) => (SOURCES[state[side]].in(viewer[state.image]) ? state[side] : "image");
const ignored = { name: "not counted", color: contents.ignore_color };
const legends = {
  image: () => {
    const [{ width, height }, { naturalWidth, naturalHeight }] = [tile.entry, tile.image];
    const reduced = naturalWidth < width ? `, preview of ${naturalWidth} × ${naturalHeight}` : "";
    return [make("span", { className: "muted" }, `${width} × ${height} pixels${reduced}`)];
  },
  truth: () => [...classes, ...(contents.ignore_index == null ? [] : [ignored])].map(named),
  prediction: () => classes.map(named),
  errors: () => ERRORS.map(named),
};

function renderControls() {
  $("image").value = state.image;
  $("previous").disabled = $("next").disabled = viewer.length < 2;
  $("opacity").value = Math.round(100 * state.opacity);
  $("opacity-text").textContent = `${$("opacity").value} %`;
  for (const side of SIDES) {
    const { options } = $(`${side}-source`);
    for (const option of options) option.disabled = !SOURCES[option.value].in(viewer[state.image]);
    $(`${side}-source`).value = shown(side);
  }
}

function renderLegends() {
  if (!tile) return;
  for (const side of SIDES) {
    const { label, legend } = SOURCES[shown(side)];
    $(side).ariaLabel = `${label} of ${tile.entry.name}`;
    $(`${side}-legend`).replaceChildren(...legend());
  }
}

function fitStages() {
  if (!tile) return;
  styled($("viewer"), "--aspect", clamp(tile.entry.width / tile.entry.height, 0.7, 2.4));
  for (const side of SIDES) {
    const { clientWidth, clientHeight } = $(side);
    $(side).width = Math.round(clientWidth * devicePixelRatio);
    $(side).height = Math.round(clientHeight * devicePixelRatio);
  }
}

function scaleOf(canvas, zoom) {
  return zoom * Math.min(canvas.width / tile.entry.width, canvas.height / tile.entry.height);
}

function boxOf(canvas) {
  const { zoom, x, y } = state.view;
  const scale = scaleOf(canvas, zoom);
  const [width, height] = [tile.entry.width * scale, tile.entry.height * scale];
  return [canvas.width / 2 - x * width, canvas.height / 2 - y * height, width, height];
}

function drawPanes() {
  if (!tile) return;
  for (const side of SIDES) drawPane($(side), tile[shown(side)]?.picture);
  $("zoom-reset").textContent = `${Math.round(100 * state.view.zoom)}\u00a0%`;
  $("viewer").classList.toggle("zoomed", state.view.zoom > 1);
  renderReadout();
}

function drawPane(canvas, overlay) {
  const context = canvas.getContext("2d");
  const box = boxOf(canvas);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = box[2] / tile.image.naturalWidth < SMOOTH_BELOW;
  context.drawImage(tile.image, ...box);
  if (!overlay) return;
  context.globalAlpha = state.opacity;
  context.imageSmoothingEnabled = false;
  context.drawImage(overlay, ...box);
}

function toImage(canvas, { x, y }) {
  const [left, top, width, height] = boxOf(canvas);
  return { u: (x * canvas.width - left) / width, v: (y * canvas.height - top) / height };
}

function at({ width, height, values }, { u, v }) {
  return values[Math.floor(v * height) * width + Math.floor(u * width)];
}

function renderReadout() {
  if (!tile) return;
  let point = state.pointer && toImage($(state.pointer.side), state.pointer);
  if (point && [point.u, point.v].some((share) => share < 0 || share >= 1)) point = null;
  for (const side of SIDES) placeCross(side, point);
  const fields = reading(point);
  const hint = "Point at a pixel to read its values.";
  $("readout").replaceChildren(...(point ? [positionOf(point), ...fields] : [hint]));
}

const field = (label, content) => make("span", {}, make("b", {}, label), " ", content);

function positionOf({ u, v }) {
  const { width, height } = tile.entry;
  return field("x, y", `${Math.floor(u * width)}, ${Math.floor(v * height)}`);
}

function classAt(mask, point) {
  const value = at(mask, point);
  return named(value === contents.ignore_index ? ignored : (classes[value] ?? { name: value === 255 ? "no data" : `${value}` }));
}

function placeCross(side, point) {
  const cross = $(`${side}-cross`);
  cross.hidden = !point || state.pointer.side === side;
  if (cross.hidden) return;
  const [left, top, width, height] = boxOf($(side));
  cross.style.left = `${(100 * (left + point.u * width)) / $(side).width}%`;
  cross.style.top = `${(100 * (top + point.v * height)) / $(side).height}%`;
}

// Moving around

function look({ zoom, x, y }) {
  if (!tile) return;
  const scale = scaleOf($("left"), zoom);
  const inside = (center, seen, size) => {
    const half = Math.min(0.5, seen / (2 * size * scale));
    return clamp(center, half, 1 - half);
  };
  const [canvas, { width, height }] = [$("left"), tile.entry];
  const middle = { x: inside(x, canvas.width, width), y: inside(y, canvas.height, height) };
  update({ view: { zoom, ...middle } });
}

function zoomAt({ u, v }, factor) {
  const { zoom, x, y } = state.view;
  const closer = clamp(zoom * factor, 1, CLOSEST);
  const kept = zoom / closer;
  look({ zoom: closer, x: u + (x - u) * kept, y: v + (y - v) * kept });
}

const zoomBy = (factor) => zoomAt({ u: state.view.x, v: state.view.y }, factor);
const step = (by) => show((state.image + by + viewer.length) % viewer.length);
const show = (image) => choose({ image, pointer: null, view: WHOLE });

function choose(change) {
  update(change);
  const hash = new URLSearchParams(linkOf());
  try {
    history.replaceState(null, "", `#${hash}`);
  } catch {
    // some browsers forbid it to a page that is a file
  }
}

function open(index) {
  show(index);
  $("viewer").scrollIntoView();
  $("left").focus({ preventScroll: true });
}
