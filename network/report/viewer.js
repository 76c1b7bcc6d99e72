// The viewer

const shown = (side) => (SOURCES[state[side]].in(viewer[state.image]) ? state[side] : "image");
const heatmapName = () => `${classes[state.class].name}, HBIS ${state.layer + 1}`;
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
  heatmap: () => {
    const values = Uint8Array.from({ length: 256 }, (_, index) => index);
    const { picture } = painted({ width: 256, height: 1, values }, HEAT);
    const bar = make("span", { className: "scale" }, picture, make("i", { hidden: true }));
    const name = make("span", {}, swatch(classes[state.class].color), heatmapName());
    return [name, make("span", { className: "ends" }, "0", bar, "1")];
  },
};

function renderControls() {
  for (const key of ["image", "class", "layer"]) $(key).value = state[key];
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
    const source = shown(side);
    $(side).ariaLabel = `${SOURCES[source].label} of ${tile.entry.name}`;
    $(`${side}-legend`).replaceChildren(...legends[source]());
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
  for (const mark of document.querySelectorAll(".scale i")) {
    mark.hidden = !point || !tile.heatmap;
    if (!mark.hidden) styled(mark, "--value", at(tile.heatmap, point) / 255);
  }
  const hint = "Point at a pixel to read its values.";
  $("readout").replaceChildren(...(point ? reading(point) : [hint]));
}

function reading(point) {
  const field = (label, content) => make("span", {}, make("b", {}, label), " ", content);
  const nameOf = (value) =>
    named(value === contents.ignore_index ? ignored : (classes[value] ?? { name: value === 255 ? "no data" : `${value}` }));
  const { width, height } = tile.entry;
  const position = `${Math.floor(point.u * width)}, ${Math.floor(point.v * height)}`;
  const fields = [field("x, y", position)];
  if (tile.truth) fields.push(field("Truth", nameOf(at(tile.truth, point))));
  if (tile.prediction) fields.push(field("Prediction", nameOf(at(tile.prediction, point))));
  if (tile.heatmap) {
    fields.push(field(heatmapName(), (at(tile.heatmap, point) / 255).toFixed(2)));
  }
  return fields;
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
  writeHash();
}

function open(index) {
  show(index);
  $("viewer").scrollIntoView();
  $("left").focus({ preventScroll: true });
}

function listenTo(canvas) {
  const held = new Map();
  const hold = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    if (held.has(event.pointerId) || event.type === "pointerdown") {
      held.set(event.pointerId, { x, y });
    }
    return { side: canvas.id, x, y };
  };
  const gesture = () => {
    const [a, b = a] = held.values();
    const spread = Math.hypot((a.x - b.x) * canvas.width, (a.y - b.y) * canvas.height);
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.max(spread, 1) };
  };
  const release = (event) => {
    held.delete(event.pointerId);
    canvas.classList.toggle("dragged", held.size > 0);
  };
  const move = (event) => {
    const before = held.has(event.pointerId) && gesture();
    const pointer = hold(event);
    if (before && tile) {
      const after = gesture();
      const [from, to] = [toImage(canvas, before), toImage(canvas, after)];
      const { zoom, x, y } = state.view;
      look({ zoom, x: x + from.u - to.u, y: y + from.v - to.v });
      zoomAt(toImage(canvas, after), after.spread / before.spread);
    }
    update({ pointer });
  };
  const wheel = (event) => {
    if (!tile || (event.deltaY > 0 && state.view.zoom === 1)) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1);
    zoomAt(toImage(canvas, hold(event)), Math.exp(-clamp(pixels, -200, 200) / 400));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("dragged");
    update({ pointer: hold(event) });
  });
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") update({ pointer: null });
  });
  canvas.addEventListener("dblclick", () => look(WHOLE));
  canvas.addEventListener("wheel", wheel, { passive: false });
}

const KEYS = {
  arrowleft: () => step(-1),
  arrowright: () => step(1),
  "+": () => zoomBy(STEP),
  "=": () => zoomBy(STEP),
  "-": () => zoomBy(1 / STEP),
  0: () => look(WHOLE),
  l: () => LAYERS && choose({ layer: (state.layer + 1) % LAYERS }),
  "?": () => ($("help").open = !$("help").open),
};
classes.slice(0, 9).forEach((_, index) => {
  KEYS[index + 1] = () => LAYERS && choose({ class: index });
});

function onKey(event) {
  const act = KEYS[event.key.toLowerCase()];
  const elsewhere = event.target.closest?.("input, select, textarea, .scroll");
  if (!act || elsewhere || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  act();
}

// Links to one image, class and layer

function readHash() {
  const wish = new URLSearchParams(location.hash.slice(1));
  const layer = Number.parseInt(wish.get("layer")) - 1;
  const found = {
    image: viewer.findIndex(({ name }) => name === wish.get("image")),
    class: classes.findIndex(({ name }) => name === wish.get("class")),
    layer: layer < LAYERS ? layer : -1,
  };
  return Object.fromEntries(Object.entries(found).filter(([, index]) => index >= 0));
}

function writeHash() {
  const { name: image } = viewer[state.image];
  const heatmap = LAYERS && { class: classes[state.class].name, layer: state.layer + 1 };
  const hash = new URLSearchParams({ image, ...heatmap });
  try {
    history.replaceState(null, "", `#${hash}`);
  } catch {
    // some browsers forbid it to a page that is a file
  }
}
