// How scores are aggregated, scaled, cut and compared, as the reader asks.

import { byId, make } from "./dom.js";
import { functionNames, standard } from "./scores.js";

export class Controls {
  // `onChange()` when anything is asked for in another way; `summaries`: the texts' beginnings, to choose one to compare with.
  constructor(texts, summaries, onChange) {
    this.texts = texts;
    this.summaries = summaries;
    this.onChange = onChange;
    this.choice = standard;
    this.threshold = 0;
    this.other = null;
    this.form = byId("controls");
    this.form.addEventListener("input", () => this.read());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    byId("restore").addEventListener("click", () => {
      this.form.reset();
      this.read();
    });
  }

  // Offers what a text has: a slider for each axis, texts of its shape. `compared`: the text to begin with.
  set(text, compared) {
    const axes = byId("axes");
    axes.replaceChildren(...text.axes.map((axis, index) => slider(axis, index)));
    byId("function-control").hidden = text.axes.length === 0;
    byId("function").options[0].textContent = text.kind === "granular" ? "norm (standard)" : "mean (standard)";
    byId("scaling").options[0].textContent = text.axes.length ? "each step to 1 (standard)" : "as they are (standard)";
    this.offerOthers(text, compared);
    this.note(text);
    this.form.reset();
    if (compared !== null) byId("other").value = String(compared);
    this.read(false);
  }

  offerOthers(text, compared) {
    const options = [new Option("nothing", "")];
    // A list of thousands is no choice; neighbours are what one compares.
    const [from, to] = [Math.max(text.index - 100, 0), Math.min(text.index + 100, this.texts.length)];
    for (let index = from; index < to; index++) if (index !== text.index) options.push(new Option(`${index + 1}. ${this.summaries[index]}`, String(index)));
    byId("other").replaceChildren(...options);
    byId("other-control").hidden = options.length === 1;
    if (compared !== null) byId("other").value = String(compared);
  }

  note(text) {
    const note = byId("note");
    note.textContent = text.axes.map(({ name, length }) => `${length} ${name}${length === 1 ? "" : "s"}`).join(" × ");
    note.hidden = text.axes.length === 0;
  }

  read(isTold = true) {
    const select = {};
    for (const input of byId("axes").querySelectorAll("input")) {
      const chosen = Number(input.value);
      const words = chosen < 0 ? "all" : String(chosen);
      input.parentElement.querySelector("output").textContent = words;
      input.setAttribute("aria-valuetext", words);
      if (chosen >= 0) select[input.dataset.axis] = chosen;
    }
    this.choice = { function: byId("function").value, scaling: byId("scaling").value, select };
    this.threshold = Number(byId("threshold").value) / 100;
    byId("threshold-value").textContent = this.threshold ? `${byId("threshold").value} %` : "nothing";
    byId("threshold").setAttribute("aria-valuetext", byId("threshold-value").textContent);
    this.other = byId("other").value === "" ? null : Number(byId("other").value);
    if (isTold) this.onChange();
  }
}

function slider({ name, length }, index) {
  const control = make("label", "control");
  const input = make("input");
  Object.assign(input, { type: "range", min: "-1", max: String(length - 1), step: "1", id: `axis-${index}` });
  input.setAttribute("value", "-1");
  input.dataset.axis = name;
  const title = make("span", "", `${name[0].toUpperCase()}${name.slice(1)} `);
  title.append(make("output", "", "all"));
  // Else the label would be that of the output in it.
  control.htmlFor = input.id;
  control.append(title, input);
  return control;
}

export function offerFunctions() {
  byId("function").append(...functionNames.map((name) => new Option(name, name)));
}
