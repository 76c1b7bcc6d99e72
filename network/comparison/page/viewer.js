// What the viewer of a comparison shows: image, truth, and mask and errors of every method

const { methods } = contents;
const SOURCES = {
  image: { label: "Image", in: () => true, legend: legends.image },
  truth: { label: "Truth", in: () => true, legend: legends.truth },
};
methods.forEach(({ name }, index) => {
  SOURCES[`mask ${index}`] = { label: name, in: () => true, legend: legends.prediction };
  SOURCES[`errors ${index}`] = {
    label: `${name}: errors`,
    in: () => true,
    legend: legends.errors,
  };
});

async function decodeTile(entry) {
  const [image, truth, ...masks] = await Promise.all([
    decode(entry.image),
    decodeGray(entry.truth, MASK),
    ...entry.predictions.map((uri) => decodeGray(uri, MASK)),
  ]);
  const next = { entry, image, truth };
  masks.forEach((mask, index) => {
    next[`mask ${index}`] = mask;
    next[`errors ${index}`] = painted(errorsOf(truth, mask), WRONG);
  });
  return next;
}

function reading(point) {
  if (!point) return [];
  const masks = methods.map(({ name }, index) =>
    field(name, classAt(tile[`mask ${index}`], point)),
  );
  return [field("Truth", classAt(tile.truth, point)), ...masks];
}

const nameOfSource = (source) => SOURCES[source].label;

function linkOf() {
  const { image, left, right } = state;
  return { image: viewer[image].name, left: nameOfSource(left), right: nameOfSource(right) };
}

function linkedTo(wish) {
  const sourceOf = (label) =>
    Object.keys(SOURCES).find((source) => nameOfSource(source) === label) ?? -1;
  return { left: sourceOf(wish.get("left")), right: sourceOf(wish.get("right")) };
}
