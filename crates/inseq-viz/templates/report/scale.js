// Where a score lies on the colour scale, and how its number is written. Colours themselves are in the style sheet, one class
// a level.

export const LEVELS = 33;

// Strength below which a score steps back.
export const FAINT = 0.1;

export class Scale {
  constructor(min, max) {
    this.min = min;
    this.max = max;
  }

  // From 0 to the largest score, or the same distance to both sides of 0 where there are negative ones.
  static fitting(arrays, min, max, isTwoSided) {
    let low = 0;
    let high = 0;
    for (const values of arrays)
      for (const value of values) {
        if (!Number.isFinite(value)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    if (low < 0 || isTwoSided) {
      high = Math.max(high, -low) || 1;
      low = -high;
    } else if (high === 0) {
      high = min === null ? 1 : Math.max(min, 0) + 1;
    }
    low = min ?? low;
    high = max ?? high;
    return low < high ? new Scale(low, high) : new Scale(low, low + 1);
  }

  get isDiverging() {
    return this.min < 0;
  }

  position(score) {
    const position = this.isDiverging ? 0.5 + (0.5 * score) / (score < 0 ? -this.min : Math.max(this.max, 1e-38)) : (score - this.min) / (this.max - this.min);
    return Math.min(Math.max(position, 0), 1);
  }

  strength(score) {
    if (Number.isNaN(score)) return 0;
    const position = this.position(score);
    return this.isDiverging ? Math.abs(2 * position - 1) : position;
  }

  level(score) {
    return Math.round(this.position(score) * (LEVELS - 1));
  }

  // The class of a score's colour; none for NaN.
  className(score) {
    return Number.isNaN(score) ? "" : this.classOf(this.level(score));
  }

  classOf(level) {
    return (this.isDiverging ? "d" : "s") + level;
  }
}

// How the numbers of one table are written: two or three digits that matter, the same number of decimals everywhere.
export function numberFormat(arrays) {
  let largest = 0;
  for (const values of arrays) for (const value of values) if (Number.isFinite(value) && Math.abs(value) > largest) largest = Math.abs(value);
  let decimals = null;
  if (largest === 0) decimals = 2;
  else if (largest >= 0.00095 && largest < 0.095) decimals = 3;
  else if (largest >= 0.095 && largest < 9.995) decimals = 2;
  else if (largest >= 9.995 && largest < 99.95) decimals = 1;
  else if (largest >= 99.95 && largest < 9999.5) decimals = 0;
  return (value) => {
    if (Number.isNaN(value)) return "";
    if (!Number.isFinite(value) || Math.abs(value) > 3.4e38) return value > 0 ? "inf" : "-inf";
    if (decimals === null) return value === 0 ? "0" : value.toExponential(0).replace("e+", "e");
    const text = value.toFixed(decimals);
    // What rounds to zero has no sign left to show.
    return /[1-9]/.test(text) ? text : text.replace("-", "");
  };
}
