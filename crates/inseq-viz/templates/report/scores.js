// From raw scores to one score a pair of tokens, as the program's own aggregators do it.

const functions = {
  mean: (values, from, to) => sum(values, from, to) / (to - from),
  sum,
  prod(values, from, to) {
    let product = 1;
    for (let index = from; index < to; index++) product *= values[index];
    return product;
  },
  min: (values, from, to) => extreme(values, from, to, (one, other) => one < other),
  max: (values, from, to) => extreme(values, from, to, (one, other) => one > other),
  absmax(values, from, to) {
    const size = (value) => (Number.isNaN(value) ? 0 : Math.abs(value));
    let best = values[from];
    for (let index = from + 1; index < to; index++) if (size(values[index]) > size(best)) best = values[index];
    return best;
  },
  vnorm(values, from, to) {
    let squares = 0;
    for (let index = from; index < to; index++) squares += values[index] * values[index];
    return Math.sqrt(squares);
  },
};

export const functionNames = Object.keys(functions);

function sum(values, from, to) {
  let total = 0;
  for (let index = from; index < to; index++) total += values[index];
  return total;
}

function extreme(values, from, to, isBetter) {
  let best = values[from];
  for (let index = from + 1; index < to; index++) {
    if (Number.isNaN(best)) return best;
    if (Number.isNaN(values[index]) || isBetter(values[index], best)) best = values[index];
  }
  return best;
}

// How scores are aggregated unless the reader says otherwise: as the program does.
export const standard = { function: "standard", select: {}, scaling: "standard" };

// `{ source, target }` with `[row, step]` scores each, or null.
//
// Axes go from the last to the first. One of which an entry is chosen (`select`, by its name) is cut, the others are reduced;
// after each, source and target are scaled together.
export function aggregate(text, choice) {
  const sides = ["source", "target"];
  const scores = { source: text.raw.source, target: text.raw.target };
  const lengths = text.axes.map((axis) => axis.length);
  const scaling = choice.scaling === "standard" ? (lengths.length ? "normalize" : "none") : choice.scaling;
  const name = choice.function === "standard" ? (text.kind === "granular" ? "vnorm" : "mean") : choice.function;
  if (lengths.length === 0) {
    for (const side of sides) scores[side] = scores[side]?.slice() ?? null;
    scale(scores, text.steps, scaling);
  }
  for (let axis = lengths.length - 1; axis >= 0; axis--) {
    const length = lengths[axis];
    const chosen = choice.select[text.axes[axis].name] ?? null;
    for (const side of sides) if (scores[side]) scores[side] = reduce(scores[side], length, chosen, functions[name]);
    const inner = lengths.slice(0, axis).reduce((product, length) => product * length, text.steps);
    scale(scores, inner, scaling);
  }
  return scores;
}

function reduce(values, length, chosen, apply) {
  const reduced = new Float32Array(length ? values.length / length : 0);
  for (let index = 0; index < reduced.length; index++) {
    const from = index * length;
    reduced[index] = chosen === null ? apply(values, from, from + length) : values[from + chosen];
  }
  return reduced;
}

// `inner` scores belong to each row.
function scale(scores, inner, scaling) {
  const arrays = [scores.source, scores.target].filter((values) => values !== null);
  if (scaling === "normalize") {
    const sums = new Float64Array(inner);
    for (const values of arrays)
      for (let index = 0; index < values.length; index++)
        if (!Number.isNaN(values[index])) sums[index % inner] += Math.abs(values[index]);
    for (const values of arrays) for (let index = 0; index < values.length; index++) values[index] /= Math.max(sums[index % inner], 1e-12);
  } else if (scaling === "rescale") {
    let largest = 0;
    for (const values of arrays) for (const value of values) if (Math.abs(value) > largest) largest = Math.abs(value);
    if (largest > 0) for (const values of arrays) for (let index = 0; index < values.length; index++) values[index] /= largest;
  }
}

// The raw scores of a step along one axis: `[row, entry]` of a side. Other axes are cut or averaged.
export function spread(text, side, step, axis, select) {
  const rows = text.rows(side);
  const lengths = text.axes.map((axis) => axis.length);
  const entries = lengths[axis];
  const values = text.raw[side];
  const depth = text.depth;
  const result = new Float32Array(rows * entries);
  const counts = new Float32Array(rows * entries);
  for (let row = 0; row < rows; row++) {
    for (let index = 0; index < depth; index++) {
      let rest = index;
      let entry = 0;
      let isChosen = true;
      for (let other = lengths.length - 1; other >= 0; other--) {
        const at = rest % lengths[other];
        rest = (rest - at) / lengths[other];
        if (other === axis) entry = at;
        else if ((select[text.axes[other].name] ?? at) !== at) isChosen = false;
      }
      if (!isChosen) continue;
      result[row * entries + entry] += values[(row * text.steps + step) * depth + index];
      counts[row * entries + entry]++;
    }
  }
  for (let index = 0; index < result.length; index++) result[index] /= counts[index];
  return result;
}
