// An answer with its sources. A sentence lights up what it rests on; a source lights up the sentences that rest on it.

import { announce, byId, foreign, make, root } from "./dom.js";
import { LEVELS, Scale, numberFormat } from "./scale.js";
import { offerThemes } from "./theme.js";

const { sentences, sources, cited } = JSON.parse(byId("data").textContent);
const spans = [...document.querySelectorAll("[data-sentence]")];
const items = [...document.querySelectorAll("[data-source]")];
const names = items.map((item) => item.querySelector(".name"));
const panel = byId("panel");
const scores = sentences.map((sentence) => sentence.scores.map(({ score }) => score));
const all = Scale.fitting(scores, null, null);
const write = numberFormat(scores);
const writeNats = numberFormat([sentences.flatMap((sentence) => [sentence.log_probability, sentence.contextless_log_probability])]);
const classes = new RegExp("^[sd]\\d+$");
// What a click keeps: a sentence, or a source.
let kept = null;
const isKept = (kind, index) => kept !== null && kept.kind === kind && kept.index === index;

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

// What is kept is pressed, whatever else is shown.
function clear() {
  spans.forEach((span, sentence) => {
    paint(span, "");
    span.classList.remove("chosen");
    span.setAttribute("aria-pressed", String(isKept("sentence", sentence)));
  });
  items.forEach((item, source) => {
    paintSource(item, "");
    item.querySelector(".score").textContent = "";
    names[source].setAttribute("aria-pressed", String(isKept("source", source)));
  });
}

// A folded source lights up in its beginning.
function paintSource(item, className) {
  for (const part of item.querySelectorAll(".token")) paint(part, className);
}

function fact(name, value) {
  const entry = make("div");
  entry.append(make("dt", "", name), make("dd", "", value));
  return entry;
}

function showSentence(sentence) {
  clear();
  panel.hidden = false;
  const scale = scaleOf(sentence);
  const { text, log_probability: own, contextless_log_probability: without } = sentences[sentence];
  spans[sentence].classList.add("chosen");
  items.forEach((item, source) => {
    const score = scores[sentence][source];
    paintSource(item, scale.className(score));
    item.querySelector(".score").textContent = write(score);
  });
  panel.querySelector(".chosen-token").textContent = text;
  panel.querySelector(".contributors").replaceChildren(...cited[sentence].map((source) => contributor(sentence, source, scale)));
  panel.querySelector(".step-scores").replaceChildren(
    fact("Log-probability", writeNats(own)),
    fact("Without sources", writeNats(without)),
  );
}

function showSource(source) {
  clear();
  panel.hidden = true;
  spans.forEach((span, sentence) => paint(span, scaleOf(sentence).className(scores[sentence][source])));
}

const shows = { sentence: showSentence, source: showSource };
const reads = { sentence: readSentence, source: readSource };

// Shows what is kept, or what has the focus of the keyboard, or nothing.
function rest() {
  if (kept !== null) return shows[kept.kind](kept.index);
  const focused = document.querySelector(":focus-visible");
  if (spans.includes(focused)) return showSentence(spans.indexOf(focused));
  if (names.includes(focused)) return showSource(names.indexOf(focused));
  clear();
  panel.hidden = true;
}

function contributor(sentence, source, scale) {
  const { score, gain, confidence } = sentences[sentence].scores[source];
  const below = sentences[sentence].below.includes(source) ? ", below zero" : "";
  const entry = make("li");
  const link = foreign("a", "", sources[source].name);
  link.href = `#source-${source}`;
  const name = foreign("bdi", "", "");
  name.append(link);
  const notes = [gain === null ? "" : `gain ${write(gain)}${below}`, confidence === null ? "" : `confidence ${confidence.toFixed(2)}`];
  name.append(make("span", "where", notes.filter(Boolean).join(", ")));
  const bar = make("span", "bar");
  const fill = make("i", scale.isDiverging ? scale.classOf(LEVELS - 1) : "");
  fill.style.width = `${100 * scale.strength(score)}%`;
  bar.append(fill);
  entry.append(name, make("span", "value", write(score)), bar);
  return entry;
}

function readSentence(sentence) {
  const names = cited[sentence].map((source) => `${sources[source].name}, ${write(scores[sentence][source])}`);
  announce(names.length ? `Sources: ${names.join("; ")}` : "No source has a score above 0.");
}

function readSource(source) {
  const resting = sentences.filter((_, sentence) => cited[sentence].includes(source));
  announce(resting.length ? `Sentences: ${resting.map(({ text }) => text).join(" ")}` : "No sentence cites this source.");
}

function keep(kind, index) {
  kept = isKept(kind, index) ? null : { kind, index };
  rest();
  if (kept !== null) reads[kind](index);
  else announce("");
}

// Shows something while an element is pointed at or has the focus of the keyboard; a click keeps it.
function offer(kind, index, pointed, focused, isHeld) {
  pointed.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && !isHeld() && shows[kind](index));
  pointed.addEventListener("pointerleave", rest);
  focused.addEventListener("click", () => keep(kind, index));
  focused.addEventListener("focus", () => {
    if (!focused.matches(":focus-visible")) return;
    shows[kind](index);
    reads[kind](index);
  });
  focused.addEventListener("blur", rest);
}

spans.forEach((span, sentence) => {
  offer("sentence", sentence, span, span, () => false);
  span.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    keep("sentence", sentence);
  });
});
// The way from a sentence to its sources leads over other sources.
items.forEach((item, source) => offer("source", source, item, names[source], () => kept !== null));

// A source that a link leads to is unfolded.
function unfold() {
  const details = byId(location.hash.slice(1))?.querySelector("details");
  if (details) details.open = true;
}
addEventListener("hashchange", unfold);
unfold();
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && kept !== null) keep(kept.kind, kept.index);
});
