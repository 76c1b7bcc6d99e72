// Decoding, of one image at a time

const MASK = table(classes.map(({ color }) => packed(color)));
if (contents.ignore_index != null) MASK[contents.ignore_index] = packed(contents.ignore_color);
const WRONG = table(ERRORS.map(({ color, alpha }) => packed(color, alpha)));
const HEAT = table(contents.colormap.map((color) => packed(color)));
let tile = null;
let ticket = 0;

async function load() {
  const mine = ++ticket;
  const entry = viewer[state.image];
  const key = `${state.layer}/${state.class}`;
  $("viewer").ariaBusy = "true";
  try {
    const next = tile?.entry === entry ? tile : await decodeTile(entry);
    const uri = entry.heatmaps[state.layer]?.[state.class];
    if (uri && !next.heatmaps.has(key)) next.heatmaps.set(key, await decodeGray(uri, HEAT));
    if (mine !== ticket) return;
    tile = next;
    tile.heatmap = next.heatmaps.get(key);
  } catch (error) {
    if (mine !== ticket) return;
    tile = null;
    for (const side of SIDES) $(side).width = 0;
    $("readout").textContent = `${entry.name} cannot be decoded: ${error.message}`;
  }
  $("viewer").ariaBusy = "false";
  fitStages();
  renderLegends();
  drawPanes();
}

async function decodeTile(entry) {
  const [image, truth, prediction] = await Promise.all([
    decode(entry.image),
    entry.truth && decodeGray(entry.truth, MASK),
    entry.prediction && decodeGray(entry.prediction, MASK),
  ]);
  const errors = truth && prediction && painted(errorsOf(truth, prediction), WRONG);
  return { entry, image, truth, prediction, errors, heatmaps: new Map() };
}

async function decode(uri) {
  const picture = make("img", { src: uri });
  await picture.decode();
  return picture;
}

async function decodeGray(uri, colors) {
  const picture = await decode(uri);
  const { naturalWidth: width, naturalHeight: height } = picture;
  const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Uint8Array(width * height).map((_, index) => data[4 * index]);
  return painted({ width, height, values }, colors);
}

function errorsOf({ width, height, values }, prediction) {
  const errorOf = (value, index) =>
    value === contents.ignore_index ? 2 : Number(value !== prediction.values[index]);
  return { width, height, values: values.map(errorOf) };
}

function packed(color, alpha = 255) {
  const rgb = parseInt(color.slice(1), 16);
  return ((alpha << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}

function table(colors) {
  const values = new Uint32Array(256);
  values.set(colors);
  return values;
}

function painted({ width, height, values }, colors) {
  const picture = make("canvas", { width, height });
  const pixels = Uint32Array.from(values, (value) => colors[value]);
  const data = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
  picture.getContext("2d").putImageData(data, 0, 0);
  return { width, height, values, picture };
}
