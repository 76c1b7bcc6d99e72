// Decoding, of one image at a time: a page's decodeTile(entry) gives what its sources show

const { classes, viewer } = contents;
const ERRORS = [
  { name: "right", color: "#ffffff", alpha: 110 },
  { name: "wrong", color: "#e6003c", alpha: 255 },
  { name: "not counted", color: "#8c8c8c", alpha: 255 },
];
const MASK = table(classes.map(({ color }) => packed(color)));
if (contents.ignore_index != null) MASK[contents.ignore_index] = packed(contents.ignore_color);
const WRONG = table(ERRORS.map(({ color, alpha }) => packed(color, alpha)));
let tile = null;
let ticket = 0;

async function load() {
  const mine = ++ticket;
  const entry = viewer[state.image];
  $("viewer").ariaBusy = "true";
  try {
    const next = await decodeTile(entry);
    if (mine !== ticket) return;
    tile = next;
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
