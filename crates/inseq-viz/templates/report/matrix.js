// The matrix, and the layers or heads behind one of its columns.

import { byId, make } from "./dom.js";
import { Scale, numberFormat } from "./scale.js";
import { spread } from "./scores.js";

// Input tokens down, generated tokens across.
export function matrixContent(model, kept, onChoose) {
  const { text } = model;
  const rows = [];
  let side = null;
  for (const row of model.rows) {
    if (row.side !== side) rows.push({ heading: row.side === "source" ? "Source" : model.targetHeading });
    side = row.side;
    rows.push({
      label: model.label(row.side, row.position),
      className: row.side,
      cell: (column) => ({ text: model.number(row.scores[column]), className: model.className(row.scores[column]) }),
      score: (column) => model.number(row.scores[column]),
    });
  }
  if (text.stepScores.length) rows.push({ heading: "Step scores" });
  for (const { name, scores } of text.stepScores) {
    const write = numberFormat([scores]);
    rows.push({
      label: { mark: "", text: name, isPlain: true },
      className: "steps",
      cell: (column) => ({ text: write(scores[column]), className: "" }),
      score: (column) => write(scores[column]),
    });
  }
  const columns = Array.from({ length: text.steps }, (_, step) => model.label("target", text.start + step));
  return { columns, rows, chosen: kept, numberLength: longestNumber(model), onChoose, onPoint: readOut(columns, "readout") };
}

// Input tokens down, entries of one axis across, for one step.
export function axisContent(model, step, axis, select) {
  const { text } = model;
  const { length, name } = text.axes[axis];
  const rows = [];
  const arrays = [];
  for (const side of ["source", "target"]) {
    const shown = model.rows.filter((row) => row.side === side);
    if (shown.length === 0) continue;
    const scores = spread(text, side, step, axis, select);
    rows.push({ heading: side === "source" ? "Source" : model.targetHeading });
    for (const { position } of shown) {
      const entries = scores.subarray(position * length, (position + 1) * length);
      arrays.push(entries);
      rows.push({ label: model.label(side, position), className: side, entries });
    }
  }
  const scale = Scale.fitting(arrays, null, null, false);
  const write = numberFormat(arrays);
  for (const row of rows.filter((row) => row.entries)) {
    row.cell = (column) => ({ text: write(row.entries[column]), className: scale.className(row.entries[column]) });
    row.score = (column) => write(row.entries[column]);
  }
  const columns = Array.from({ length }, (_, entry) => ({ mark: "", text: String(entry), isPlain: true }));
  const named = columns.map((column) => ({ ...column, text: `${name} ${column.text}` }));
  return { columns, rows, chosen: null, numberLength: 5, onChoose() {}, onPoint: readOut(named, "axis-readout") };
}

function longestNumber(model) {
  let longest = 4;
  for (const row of model.rows.slice(0, 50)) for (let step = 0; step < Math.min(row.scores.length, 50); step++) longest = Math.max(longest, model.write(row.scores[step]).length);
  for (const { scores } of model.text.stepScores) {
    const write = numberFormat([scores]);
    for (const score of scores) longest = Math.max(longest, write(score).length);
  }
  return longest;
}

// Reads the cell out below that is pointed at.
function readOut(columns, id) {
  return (row, column) => {
    const readout = byId(id);
    const score = row?.score?.(column);
    if (!score) readout.textContent = "\u00a0";
    else {
      const [from, to] = [row.label, columns[column]].map((label) => make("bdi", "", label.mark + label.text));
      readout.replaceChildren(from, " → ", to, "  ", make("b", "", score));
    }
  };
}
