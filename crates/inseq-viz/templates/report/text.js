// One text of the result: its tokens and its raw scores, read when the text is first looked at.

// 32-bit floats, little-endian, in base64.
export function decode(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return new Float32Array(bytes.buffer);
}

class Tokens {
  constructor(data) {
    this.spelling = data.text;
    this.ids = data.id;
    this.marks = [...data.mark];
    this.shown = data.shown;
    this.running = data.running;
    this.special = new Set(data.special);
    this.spaces = data.space;
  }

  get length() {
    return this.spelling.length;
  }

  isSpecial(position) {
    return this.special.has(position);
  }

  // The tokenizer's mark of a word's start, where the token has one.
  mark(position) {
    const mark = this.marks[position];
    return mark === " " ? "" : mark;
  }

  // The token without its mark, safe to show.
  word(position) {
    const spelling = this.spelling[position];
    return this.shown[position] ?? spelling.slice(this.mark(position).length);
  }

  // As `word`, or the mark where there is nothing else to point at.
  name(position) {
    return this.word(position) || this.mark(position);
  }

  // In a running text: a character that several tokens share is where it begins, and a space without letters is its mark.
  flowing(position) {
    return this.running[position] ?? (this.word(position) || "▁");
  }

  isAfterSpace(position) {
    return this.spaces[position] === "1";
  }
}

export class Text {
  constructor(index, data) {
    this.index = index;
    this.source = new Tokens(data.source);
    this.target = new Tokens(data.target);
    this.start = data.attr_pos_start;
    this.steps = data.attr_pos_end - data.attr_pos_start;
    this.axes = data.axes;
    this.passages = data.passages;
    this.hasSource = data.source_attributions !== null;
    this.stepScores = Object.entries(data.step_scores).map(([name, scores]) => ({ ...data.step_names[name], key: name, scores: decode(scores) }));
    this.raw = {};
    for (const side of ["source", "target"]) {
      const scores = data[`${side}_attributions`];
      this.raw[side] = scores === null ? null : decode(scores);
    }
    this.kind = data.kind;
  }

  // The tokens of a side.
  tokens(side) {
    return side === "source" ? this.source : this.target;
  }

  // How many scores each pair of tokens has.
  get depth() {
    return this.axes.reduce((product, axis) => product * axis.length, 1);
  }

  // How many tokens of a side have scores.
  rows(side) {
    const scores = this.raw[side];
    const width = this.steps * this.depth;
    return scores && width ? scores.length / width : 0;
  }

  // Whether another text's scores can be subtracted from these.
  hasShapeOf(other) {
    return (
      this.steps === other.steps &&
      this.rows("source") === other.rows("source") &&
      this.rows("target") === other.rows("target") &&
      this.hasSource === other.hasSource &&
      this.axes.length === other.axes.length &&
      this.axes.every((axis, index) => axis.length === other.axes[index].length)
    );
  }
}

// The texts of the page. Each is read from its own element when it is asked for.
export class Texts {
  constructor(elements) {
    this.elements = elements;
    this.read = new Map();
  }

  get length() {
    return this.elements.length;
  }

  get(index) {
    if (!this.read.has(index)) {
      // A reader who walks through thousands of texts should not fill the memory with them.
      if (this.read.size > 64) this.read.delete(this.read.keys().next().value);
      this.read.set(index, new Text(index, JSON.parse(this.elements[index].textContent)));
    }
    return this.read.get(index);
  }
}
