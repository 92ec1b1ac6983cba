// The page as a whole: which text is open, and which of its scores are shown.

import { Controls, offerFunctions } from "./controls.js";
import { afterThisFrame, announce, byId, make, onceAFrame, root } from "./dom.js";
import { download } from "./download.js";
import { Grid } from "./grid.js";
import { Links } from "./links.js";
import { List } from "./list.js";
import { axisContent, matrixContent } from "./matrix.js";
import { Model } from "./model.js";
import { onPrint } from "./print.js";
import { Reading } from "./reading.js";
import { LEVELS, numberFormat } from "./scale.js";
import { Tabs } from "./tabs.js";
import { Texts } from "./text.js";
import { offerThemes } from "./theme.js";

const report = JSON.parse(byId("data").textContent);
const texts = new Texts([...document.querySelectorAll("script[data-text]")]);
root.classList.add("js");
offerThemes();

if (texts.length) start();

function start() {
  const summaries = report.summaries.map(({ given, written }) => written || given);
  let model = null;
  let kept = null;

  const keep = (step, isTold = true) => {
    kept = step;
    reading.keep(step);
    matrix.choose(step);
    links.keep(step);
    // A text that is opened is drawn and read as a whole.
    if (!isTold) return;
    if (tabs.view === "axes") drawView();
    if (step === null) announce("");
    else reading.read(step);
  };
  const reading = new Reading((step) => keep(step), report.contributors);
  const matrix = new Grid(byId("matrix"));
  const axes = new Grid(byId("axis-matrix"));
  const links = new Links((step) => keep(step === kept ? null : step));
  offerFunctions();
  const controls = new Controls(texts, summaries, onceAFrame(() => redraw()));
  const list = new List(report.summaries);
  const tabs = new Tabs(() => drawViewLater());

  function makeModel() {
    const text = texts.get(current);
    let other = controls.other === null ? null : texts.get(controls.other);
    const fits = other === null || text.hasShapeOf(other);
    byId("misfit").hidden = fits;
    if (!fits) other = null;
    model = new Model(text, controls.choice, other, report.range, controls.threshold);
  }

  // Only the view that is open is drawn, and only if something else was drawn there before.
  const drawn = {};
  function drawView() {
    if (!model || (tabs.view !== "axes" && drawn[tabs.view] === model)) return;
    drawn[tabs.view] = model;
    if (tabs.view === "matrix") matrix.set(matrixContent(model, kept, (step) => keep(step === kept ? null : step)));
    if (tabs.view === "links") links.set(model, kept);
    if (tabs.view === "axes") drawAxes();
  }

  function drawAxes() {
    const { text } = model;
    const names = text.axes.map(({ name }) => name);
    const select = byId("axis");
    if ([...select.options].map((option) => option.value).join() !== names.join()) select.replaceChildren(...names.map((name) => new Option(name, name)));
    byId("axis-hint").hidden = kept !== null;
    byId("axis-of").textContent = kept === null ? "" : text.target.name(text.start + kept);
    axes.container.hidden = kept === null;
    if (kept !== null) axes.set(axisContent(model, kept, Math.max(names.indexOf(select.value), 0), controls.choice.select));
  }
  byId("axis").addEventListener("input", drawView);
  // The text is there first; a long one's matrix is as much work again.
  const drawViewLater = afterThisFrame(drawView);

  function drawLegend() {
    const { scale } = model;
    const write = numberFormat([[scale.min, scale.max]]);
    byId("scale-min").textContent = write(scale.min);
    byId("scale-max").textContent = write(scale.max);
    byId("legend").setAttribute("aria-label", `Colour scale from ${write(scale.min)} to ${write(scale.max)}`);
    byId("ramp").replaceChildren(...Array.from({ length: (LEVELS + 1) / 2 }, (_, index) => make("i", scale.classOf(2 * index))));
  }

  function redraw() {
    makeModel();
    reading.update(model);
    drawLegend();
    drawViewLater();
  }

  let current = null;
  function open(index) {
    const chosen = Math.min(Math.max(Number.isInteger(index) ? index : 0, 0), texts.length - 1);
    if (chosen === current) return;
    current = chosen;
    // It measures the list, which costs least before anything else has changed.
    list.open(chosen);
    const text = texts.get(chosen);
    // Texts that came as pairs are compared with each other.
    const compared = report.view === "pair" ? Math.min(chosen ^ 1, texts.length - 1) : null;
    controls.set(text, compared === chosen ? null : compared);
    makeModel();
    reading.set(model);
    kept = null;
    for (const view of [matrix, links, axes]) view.leave();
    keep(model.interestingStep(), false);
    drawLegend();
    byId("nothing").hidden = text.steps > 0;
    byId("hint").hidden = text.steps === 0;
    byId("views").hidden = text.steps === 0;
    tabs.offer(text.axes.length ? ["matrix", "links", "axes"] : ["matrix", "links"]);
    byId("title-of-text").textContent = `Text ${chosen + 1} of ${texts.length}`;
    drawViewLater();
  }

  for (const button of document.querySelectorAll("[data-download]")) button.addEventListener("click", () => download(button.dataset.download, model, report.info));
  onPrint(() => matrixContent(model, null, () => {}));

  const fromAddress = () => Number.parseInt(location.hash.replace("#text-", ""), 10);
  tabs.open({ links: "links", granular: "axes" }[report.view] ?? "matrix");
  open(fromAddress());
  addEventListener("hashchange", () => open(fromAddress()));
  // Colours fade only when the reader changes them, not while the page opens.
  requestAnimationFrame(() => requestAnimationFrame(() => root.classList.add("ready")));
}
