// The scores that are shown, as files.

import { make } from "./dom.js";

export function download(format, model, info) {
  const name = `attribution-${model.text.index + 1}.${format}`;
  if (format === "json") save(name, "application/json", JSON.stringify({ info, ...result(model) }, null, 1));
  else save(name, "text/csv", "\ufeff" + csv(model));
}

// By the names of the program's own file format.
function result(model) {
  const { text } = model;
  const tokens = (side) => text.tokens(side).spelling.map((token, index) => ({ token, id: text.tokens(side).ids[index] }));
  const scores = (side) => {
    const rows = model.rows.filter((row) => row.side === side);
    return text.raw[side] ? rows.map((row) => Array.from(row.scores, finite)) : null;
  };
  return {
    source: tokens("source"),
    target: tokens("target"),
    attr_pos_start: text.start,
    attr_pos_end: text.start + text.steps,
    source_attributions: scores("source"),
    target_attributions: scores("target"),
    step_scores: Object.fromEntries(text.stepScores.map(({ key, scores }) => [key, Array.from(scores, finite)])),
  };
}

// JSON has no NaN; nine digits tell every 32-bit number from its neighbours.
function finite(score) {
  return Number.isNaN(score) ? null : Number(score.toPrecision(9));
}

function csv(model) {
  const { text } = model;
  const spelling = (side, position) => text.tokens(side).spelling[position];
  const lines = [["", "", ...Array.from({ length: text.steps }, (_, step) => spelling("target", text.start + step))]];
  for (const row of model.rows) lines.push([row.side, spelling(row.side, row.position), ...Array.from(row.scores, finite)]);
  for (const { key, scores } of text.stepScores) lines.push(["step_score", key, ...Array.from(scores, finite)]);
  return lines.map((line) => line.map(field).join(",") + "\r\n").join("");
}

// A spreadsheet would run a token such as `=1+1`; an apostrophe in front keeps it text.
function field(value) {
  if (value === null || typeof value === "number") return value === null ? "" : String(value);
  const text = /^[=+\-@\t\r]./s.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(name, type, content) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
