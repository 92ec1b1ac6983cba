// What the page shows now: a text, its scores as the reader asked for them, and the colours they have.

import { aggregate } from "./scores.js";
import { Scale, numberFormat } from "./scale.js";

export class Model {
  // `other`: the text whose scores are subtracted, or null.
  constructor(text, choice, other, range, threshold) {
    this.text = text;
    this.other = other;
    this.threshold = threshold;
    const scores = aggregate(text, choice);
    if (other) {
      const others = aggregate(other, choice);
      for (const side of ["source", "target"]) scores[side] &&= scores[side].map((score, index) => score - others[side][index]);
    }
    this.rows = [];
    for (const side of ["source", "target"]) this.rows.push(...this.rowsOf(side, scores[side]));
    const arrays = this.rows.map((row) => row.scores);
    this.scale = Scale.fitting(arrays, range.min, range.max, other !== null);
    this.write = numberFormat(arrays);
  }

  // Rows after the last that some step sees would be blank.
  rowsOf(side, values) {
    if (values === null || this.text.steps === 0) return [];
    const { steps } = this.text;
    const rows = [];
    for (let position = 0; position * steps < values.length; position++)
      rows.push({ side, position, scores: values.subarray(position * steps, (position + 1) * steps) });
    if (side === "target") while (rows.length && rows.at(-1).scores.every(Number.isNaN)) rows.pop();
    return rows;
  }

  // Whether a score is strong enough to be shown.
  isShown(score) {
    return !Number.isNaN(score) && this.scale.strength(score) >= this.threshold;
  }

  className(score) {
    return this.isShown(score) ? this.scale.className(score) : "";
  }

  number(score) {
    return this.isShown(score) ? this.write(score) : "";
  }

  // The rows that led to a step, the strongest first.
  contributors(step) {
    return this.rows
      .map((row) => ({ row, score: row.scores[step] }))
      .filter(({ score }) => this.isShown(score))
      .sort((one, other) => Math.abs(other.score) - Math.abs(one.score));
  }

  // A token as a label: its mark, its text, and what it became in the text compared with.
  label(side, position) {
    const tokens = this.text.tokens(side);
    const others = this.other?.tokens(side);
    const isChanged = others && others.spelling[position] !== tokens.spelling[position];
    return {
      mark: tokens.mark(position),
      text: tokens.word(position) + (isChanged ? ` → ${others.mark(position)}${others.word(position)}` : ""),
      isSpecial: tokens.isSpecial(position),
    };
  }

  name(side, position) {
    return this.text.tokens(side).name(position);
  }

  // Which target tokens the model wrote itself.
  isWritten(row) {
    return row.side === "target" && (this.text.hasSource || row.position >= this.text.start);
  }

  // The name of the rows that are target tokens.
  get targetHeading() {
    return this.text.hasSource ? "Generated so far" : "Text so far";
  }

  // A step that shows something at first sight: a strong reason, and rather a long word than a comma.
  interestingStep() {
    let best = null;
    let strongest = 0;
    for (let step = 0; step < this.text.steps; step++) {
      const position = this.text.start + step;
      if (this.text.target.isSpecial(position)) continue;
      const largest = this.rows.reduce((most, { scores }) => (this.isShown(scores[step]) ? Math.max(most, Math.abs(scores[step])) : most), 0);
      const interest = largest * Math.min(this.text.target.word(position).length, 8);
      if (interest > strongest) [best, strongest] = [step, interest];
    }
    return best;
  }
}
