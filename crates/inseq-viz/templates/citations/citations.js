// An answer with its sources. A sentence lights up what it rests on; a source lights up the sentences that rest on it.

import { announce, byId, foreign, make, root } from "./dom.js";
import { LEVELS, Scale, numberFormat } from "./scale.js";
import { offerThemes } from "./theme.js";

const { sentences, sources, cited } = JSON.parse(byId("data").textContent);
const spans = [...document.querySelectorAll("[data-sentence]")];
const items = [...document.querySelectorAll("[data-source]")];
const panel = byId("panel");
const scores = sentences.map((sentence) => sentence.scores.map(({ score }) => score));
const all = Scale.fitting(scores, null, null);
const write = numberFormat(scores);
const writeNats = numberFormat([sentences.flatMap((sentence) => [sentence.log_probability, sentence.contextless_log_probability])]);
const classes = new RegExp("^[sd]\\d+$");
let kept = null;

root.classList.add("js");
offerThemes();

function paint(element, className) {
  for (const name of [...element.classList]) if (classes.test(name) || name === "lit") element.classList.remove(name);
  if (className) element.classList.add(className, "lit");
}

// The colours of the scores of one sentence, whose largest is the end of the scale.
function scaleOf(sentence) {
  const largest = Math.max(...scores[sentence].map(Math.abs), 0);
  return all.isDiverging ? new Scale(-largest || -1, largest || 1) : new Scale(0, largest || 1);
}

function clear() {
  for (const span of spans) {
    paint(span, "");
    span.classList.remove("chosen");
    span.setAttribute("aria-pressed", "false");
  }
  for (const item of items) {
    paint(item.querySelector("p .token"), "");
    item.querySelector(".score").textContent = "";
  }
}

function fact(name, value) {
  const entry = make("div");
  entry.append(make("dt", "", name), make("dd", "", value));
  return entry;
}

function show(sentence) {
  clear();
  panel.hidden = sentence === null;
  if (sentence === null) return;
  const scale = scaleOf(sentence);
  const { text, log_probability: own, contextless_log_probability: without } = sentences[sentence];
  spans[sentence].classList.add("chosen");
  spans[sentence].setAttribute("aria-pressed", String(kept === sentence));
  items.forEach((item, source) => {
    const score = scores[sentence][source];
    paint(item.querySelector("p .token"), scale.className(score));
    item.querySelector(".score").textContent = write(score);
  });
  panel.querySelector(".chosen-token").textContent = text;
  panel.querySelector(".contributors").replaceChildren(...cited[sentence].map((source) => contributor(sentence, source, scale)));
  panel.querySelector(".step-scores").replaceChildren(
    fact("Log-probability", writeNats(own)),
    fact("Without sources", writeNats(without)),
  );
}

function contributor(sentence, source, scale) {
  const { score, gain, confidence } = sentences[sentence].scores[source];
  const entry = make("li");
  const link = foreign("a", "", sources[source].name);
  link.href = `#source-${source}`;
  const name = foreign("bdi", "", "");
  name.append(link);
  const notes = [gain === null ? "" : `gain ${write(gain)}`, confidence === null ? "" : `confidence ${confidence.toFixed(2)}`];
  name.append(make("span", "where", notes.filter(Boolean).join(", ")));
  const bar = make("span", "bar");
  const fill = make("i", scale.isDiverging ? scale.classOf(LEVELS - 1) : "");
  fill.style.width = `${100 * scale.strength(score)}%`;
  bar.append(fill);
  entry.append(name, make("span", "value", write(score)), bar);
  return entry;
}

function read(sentence) {
  const names = cited[sentence].map((source) => `${sources[source].name}, ${write(scores[sentence][source])}`);
  announce(names.length ? `Sources: ${names.join("; ")}` : "No source has a score above 0.");
}

function light(source) {
  clear();
  paint(items[source].querySelector("p .token"), "");
  spans.forEach((span, sentence) => paint(span, scaleOf(sentence).className(scores[sentence][source])));
}

function keep(sentence) {
  kept = kept === sentence ? null : sentence;
  show(kept);
  if (kept !== null) read(kept);
  else announce("");
}

spans.forEach((span, sentence) => {
  span.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && show(sentence));
  span.addEventListener("pointerleave", () => show(kept));
  span.addEventListener("click", () => keep(sentence));
  span.addEventListener("focus", () => {
    if (!span.matches(":focus-visible")) return;
    show(sentence);
    read(sentence);
  });
  span.addEventListener("blur", () => show(kept));
  span.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    keep(sentence);
  });
});
items.forEach((item, source) => {
  item.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && kept === null && light(source));
  item.addEventListener("pointerleave", () => show(kept));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && kept !== null) keep(kept);
});
