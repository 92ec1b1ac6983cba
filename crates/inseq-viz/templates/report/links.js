// Input tokens on the left, generated tokens on the right, and a curve for each score that matters.

import { afterThisFrame, byId, foreign, make, widestOf } from "./dom.js";
import { FAINT } from "./scale.js";

// More curves than this are a carpet, in which nobody follows one.
const MOST = 400;
const SPACE = "http://www.w3.org/2000/svg";

export class Links {
  constructor(onKeep) {
    this.container = byId("links");
    this.onKeep = onKeep;
    this.curves = [];
    // The tokens are there first; their curves are as much work again.
    this.drawLater = afterThisFrame(() => this.model && this.draw());
    this.container.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-step]");
      if (button && this.model) this.onKeep(Number(button.dataset.step));
    });
    this.container.addEventListener("pointerover", (event) => {
      const token = event.target.closest("[data-step],[data-row]");
      if (token) this.mark(token.dataset.step !== undefined ? { step: Number(token.dataset.step) } : { row: Number(token.dataset.row) });
    });
    this.container.addEventListener("pointerleave", () => this.mark({ step: this.kept }));
  }

  // What is there stays in sight and does nothing, until there is something new.
  leave() {
    this.model = null;
  }

  set(model, kept) {
    this.model = model;
    this.kept = kept;
    const style = getComputedStyle(this.container);
    const unit = Number.parseFloat(style.fontSize);
    this.line = Math.round(1.85 * unit);
    const { text } = model;
    const inputs = model.rows.map((row) => model.label(row.side, row.position));
    const outputs = Array.from({ length: text.steps }, (_, step) => model.label("target", text.start + step));
    // Rows out of sight are not laid out, so that the columns cannot be as wide as they need.
    const room = (labels) => `${Math.ceil(widestOf(labels, style) * 1.1 + unit)}px`;
    this.container.style.setProperty("--inputs", room([...inputs, { mark: "", text: model.targetHeading }]));
    this.container.style.setProperty("--outputs", room(outputs));
    const left = make("ol", "inputs");
    const right = make("ol", "outputs");
    this.inputs = [];
    let top = 0;
    let side = null;
    const both = model.rows.some((row) => row.side === "source") && model.rows.some((row) => row.side === "target");
    model.rows.forEach((row, index) => {
      if (both && row.side !== side && side !== null) {
        left.append(make("li", "heading", model.targetHeading));
        top += this.line;
      }
      side = row.side;
      const item = labelled(inputs[index], "span");
      item.firstChild.dataset.row = String(index);
      left.append(item);
      this.inputs.push(top + this.line / 2);
      top += this.line;
    });
    const height = Math.max(top, text.steps * this.line);
    // The right column stands in the middle of the left one.
    this.offset = Math.max((height - text.steps * this.line) / 2, 0);
    for (let step = 0; step < text.steps; step++) {
      const item = labelled(outputs[step], "button");
      item.firstChild.dataset.step = String(step);
      right.append(item);
    }
    this.container.style.setProperty("--line", `${this.line}px`);
    right.style.paddingTop = `${this.offset}px`;
    // It fills the space between the columns, whatever that is.
    this.drawing = document.createElementNS(SPACE, "svg");
    this.drawing.setAttribute("viewBox", `0 0 100 ${height}`);
    this.drawing.setAttribute("preserveAspectRatio", "none");
    this.drawing.setAttribute("role", "img");
    this.drawing.setAttribute("aria-label", "Curves from input tokens to the generated tokens that they led to; the matrix has their numbers.");
    this.drawing.style.height = `${height}px`;
    this.curves = [];
    this.container.replaceChildren(left, this.drawing, right);
    this.drawLater();
  }

  draw() {
    const { model } = this;
    const links = [];
    model.rows.forEach((row, index) => {
      row.scores.forEach((score, step) => {
        const strength = model.scale.strength(score);
        if (strength >= FAINT && model.isShown(score)) links.push({ index, step, score, strength });
      });
    });
    // The strongest lie on top.
    links.sort((one, other) => one.strength - other.strength);
    this.curves = links.slice(-MOST).map(({ index, step, score, strength }) => {
      const path = document.createElementNS(SPACE, "path");
      const [from, to] = [this.inputs[index], this.offset + (step + 0.5) * this.line];
      path.setAttribute("d", `M0 ${from}C50 ${from} 50 ${to} 100 ${to}`);
      path.setAttribute("class", model.scale.className(score));
      path.style.strokeWidth = `${(0.75 + 4 * strength).toFixed(2)}px`;
      path.style.strokeOpacity = (0.4 + 0.55 * strength).toFixed(2);
      return { path, index, step };
    });
    this.drawing.replaceChildren(...this.curves.map(({ path }) => path));
    this.mark({ step: this.kept });
  }

  keep(step) {
    this.kept = step;
    if (this.model) this.mark({ step });
  }

  // Brings out the curves of a token.
  mark({ step = null, row = null }) {
    if (!this.model) return;
    this.drawing.classList.toggle("marked", step !== null || row !== null);
    const ends = new Set();
    for (const curve of this.curves) {
      const isOn = curve.step === step || curve.index === row;
      curve.path.classList.toggle("on", isOn);
      if (isOn) ends.add(row === null ? curve.index : curve.step);
    }
    const isOn = (token) => {
      const [ofRow, ofStep] = [token.dataset.row, token.dataset.step];
      if (ofStep !== undefined) return Number(ofStep) === step || (row !== null && ends.has(Number(ofStep)));
      return Number(ofRow) === row || (row === null && ends.has(Number(ofRow)));
    };
    for (const token of this.container.querySelectorAll("[data-step],[data-row]")) {
      token.classList.toggle("on", isOn(token));
      if (token.dataset.step !== undefined) token.ariaPressed = String(Number(token.dataset.step) === this.kept);
    }
  }
}

function labelled(label, name) {
  const item = make("li");
  const token = foreign(name, label.isSpecial ? "special" : "", "");
  if (name === "button") token.type = "button";
  if (label.mark) token.append(make("span", "mark", label.mark));
  token.append(label.text);
  item.append(token);
  return item;
}
