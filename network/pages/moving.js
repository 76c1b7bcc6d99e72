// Pointers

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

// Keys, and the start

const KEYS = {
  arrowleft: () => step(-1),
  arrowright: () => step(1),
  "+": () => zoomBy(STEP),
  "=": () => zoomBy(STEP),
  "-": () => zoomBy(1 / STEP),
  0: () => look(WHOLE),
  "?": () => ($("help").open = !$("help").open),
};

function onKey(event) {
  const act = KEYS[event.key.toLowerCase()];
  const elsewhere = event.target.closest?.("input, select, textarea, .scroll");
  if (!act || elsewhere || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  act();
}

function linked() {
  const wish = new URLSearchParams(location.hash.slice(1));
  const image = viewer.findIndex(({ name }) => name === wish.get("image"));
  const found = { image, ...linkedTo(wish) };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== -1));
}

function startViewer() {
  $("previews").textContent = contents.previews;
  $("viewer-body").hidden = !viewer.length;
  $("viewer").ariaBusy = String(viewer.length > 0);
  if (!viewer.length) return;
  fillSelect("image", viewer.map(({ name }) => name));
  const resized = new ResizeObserver(() => (fitStages(), look(state.view)));
  for (const side of SIDES) {
    const options = Object.entries(SOURCES);
    $(`${side}-source`).append(...options.map(([value, { label }]) => new Option(label, value)));
    $(`${side}-source`).onchange = ({ target }) => choose({ [side]: target.value });
    listenTo($(side));
    resized.observe($(side));
  }
  $("image").onchange = ({ target }) => show(Number(target.value));
  $("opacity").oninput = ({ target }) => update({ opacity: target.value / 100 });
  $("previous").onclick = KEYS.arrowleft;
  $("next").onclick = KEYS.arrowright;
  $("zoom-in").onclick = KEYS["+"];
  $("zoom-out").onclick = KEYS["-"];
  $("zoom-reset").onclick = KEYS[0];
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => update({ ...linked(), view: WHOLE }));
  const wished = linked();
  update({ image: 0, ...wished });
  if ("image" in wished) $("viewer").scrollIntoView();
}
