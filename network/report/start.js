// Start

function startViewer() {
  $("previews").textContent = contents.previews;
  $("viewer-body").hidden = !viewer.length;
  $("class").parentElement.hidden = $("layer").parentElement.hidden = !LAYERS;
  $("heatmap-keys").hidden = !LAYERS;
  $("viewer").ariaBusy = String(viewer.length > 0);
  if (!viewer.length) return;
  fillSelect("image", viewer.map(({ name }) => name));
  fillSelect("class", classes.map(({ name }) => name));
  fillSelect("layer", Array.from({ length: LAYERS }, (_, index) => `HBIS ${index + 1}`));
  const resized = new ResizeObserver(() => (fitStages(), look(state.view)));
  for (const side of SIDES) {
    const options = Object.entries(SOURCES);
    $(`${side}-source`).append(...options.map(([value, { label }]) => new Option(label, value)));
    $(`${side}-source`).onchange = ({ target }) => update({ [side]: target.value });
    listenTo($(side));
    resized.observe($(side));
  }
  $("image").onchange = ({ target }) => show(Number(target.value));
  $("class").onchange = ({ target }) => choose({ class: Number(target.value) });
  $("layer").onchange = ({ target }) => choose({ layer: Number(target.value) });
  $("opacity").oninput = ({ target }) => update({ opacity: target.value / 100 });
  $("previous").onclick = KEYS.arrowleft;
  $("next").onclick = KEYS.arrowright;
  $("zoom-in").onclick = KEYS["+"];
  $("zoom-out").onclick = KEYS["-"];
  $("zoom-reset").onclick = KEYS[0];
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => update({ ...readHash(), view: WHOLE }));
  const linked = readHash();
  update({ image: 0, ...linked });
  if ("image" in linked) $("viewer").scrollIntoView();
}

function nameTheme() {
  const { colorScheme } = document.documentElement.style;
  const dark = colorScheme ? colorScheme === "dark" : SYSTEM.matches;
  $("theme").textContent = dark ? "Light" : "Dark";
}

function switchTheme() {
  document.documentElement.style.colorScheme = $("theme").textContent.toLowerCase();
  nameTheme();
}

nameTheme();
$("theme").onclick = switchTheme;
SYSTEM.onchange = nameTheme;
renderFacts();
if (scores.length) update({ variant: 0 });
renderImageHead();
renderExtremes();
renderImages();
startViewer();
$("variant").onchange = ({ target }) => update({ variant: Number(target.value) });
$("matrix-mode").onchange = ({ target }) => update({ mode: target.value });
$("filter").oninput = ({ target }) => update({ filter: target.value });
$("images-scroll").onscroll = ({ target }) => {
  if (target.scrollTop + 2 * target.clientHeight > target.scrollHeight) addRows();
};
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("main > section > details")) details.open = true;
});
