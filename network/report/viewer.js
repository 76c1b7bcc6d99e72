// What the viewer of a report shows

const LAYERS = Math.max(0, ...viewer.map(({ heatmaps }) => heatmaps.length));
const HEAT = table(contents.colormap.map((color) => packed(color)));
const SOURCES = {
  image: { label: "Image", in: () => true, legend: legends.image },
  truth: { label: "Truth", in: (entry) => entry.truth, legend: legends.truth },
  prediction: {
    label: "Prediction",
    in: (entry) => entry.prediction,
    legend: legends.prediction,
  },
  errors: {
    label: "Errors",
    in: (entry) => entry.truth && entry.prediction,
    legend: legends.errors,
  },
};
if (LAYERS) {
  SOURCES.heatmap = {
    label: "Heatmap",
    in: (entry) => entry.heatmaps.length,
    legend: heatmapLegend,
  };
}

const heatmapName = () => `${classes[state.class].name}, HBIS ${state.layer + 1}`;

function heatmapLegend() {
  const values = Uint8Array.from({ length: 256 }, (_, index) => index);
  const { picture } = painted({ width: 256, height: 1, values }, HEAT);
  const bar = make("span", { className: "scale" }, picture, make("i", { hidden: true }));
  const name = make("span", {}, swatch(classes[state.class].color), heatmapName());
  return [name, make("span", { className: "ends" }, "0", bar, "1")];
}

async function decodeTile(entry) {
  const key = `${state.layer}/${state.class}`;
  const next = tile?.entry === entry ? tile : await decodeMasks(entry);
  const uri = entry.heatmaps[state.layer]?.[state.class];
  if (uri && !next.heatmaps.has(key)) next.heatmaps.set(key, await decodeGray(uri, HEAT));
  return { ...next, heatmap: next.heatmaps.get(key) };
}

async function decodeMasks(entry) {
  const [image, truth, prediction] = await Promise.all([
    decode(entry.image),
    entry.truth && decodeGray(entry.truth, MASK),
    entry.prediction && decodeGray(entry.prediction, MASK),
  ]);
  const errors = truth && prediction && painted(errorsOf(truth, prediction), WRONG);
  return { entry, image, truth, prediction, errors, heatmaps: new Map() };
}

function reading(point) {
  for (const mark of document.querySelectorAll(".scale i")) {
    mark.hidden = !point || !tile.heatmap;
    if (!mark.hidden) styled(mark, "--value", at(tile.heatmap, point) / 255);
  }
  if (!point) return [];
  const fields = [];
  if (tile.truth) fields.push(field("Truth", classAt(tile.truth, point)));
  if (tile.prediction) fields.push(field("Prediction", classAt(tile.prediction, point)));
  if (tile.heatmap) {
    fields.push(field(heatmapName(), (at(tile.heatmap, point) / 255).toFixed(2)));
  }
  return fields;
}

function renderHeatmapControls() {
  for (const key of ["class", "layer"]) $(key).value = state[key];
}

function linkOf() {
  const heatmap = LAYERS && { class: classes[state.class].name, layer: state.layer + 1 };
  return { image: viewer[state.image].name, ...heatmap };
}

function linkedTo(wish) {
  const layer = Number.parseInt(wish.get("layer")) - 1;
  return {
    class: classes.findIndex(({ name }) => name === wish.get("class")),
    layer: layer >= 0 && layer < LAYERS ? layer : -1,
  };
}

function prepareHeatmaps() {
  $("class").parentElement.hidden = $("layer").parentElement.hidden = !LAYERS;
  $("heatmap-keys").hidden = !LAYERS;
  fillSelect("class", classes.map(({ name }) => name));
  fillSelect("layer", Array.from({ length: LAYERS }, (_, index) => `HBIS ${index + 1}`));
  $("class").onchange = ({ target }) => choose({ class: Number(target.value) });
  $("layer").onchange = ({ target }) => choose({ layer: Number(target.value) });
  KEYS.l = () => LAYERS && choose({ layer: (state.layer + 1) % LAYERS });
  classes.slice(0, 9).forEach((_, index) => {
    KEYS[index + 1] = () => LAYERS && choose({ class: index });
  });
}
