// A table of any size of which only what is in sight is in the page: cells are placed by their numbers.

import { foreign, make, onceAFrame } from "./dom.js";

// Cells kept ready around what is in sight, so that a small scroll draws nothing.
const AHEAD = 8;

const measure = document.createElement("canvas").getContext("2d");

function widthOf(label, font) {
  measure.font = font;
  return measure.measureText(label.mark + label.text).width;
}

// `content`: columns (labels), rows ({ heading } or { label, className, cell(column) -> { text, className } }), and what happens
// when a cell is pointed at (`onPoint(row, column)`, or nulls) and chosen (`onChoose(column)`).
export class Grid {
  constructor(container) {
    this.container = container;
    this.sheet = make("div", "sheet");
    this.sheet.role = "presentation";
    this.heads = make("div", "heads");
    this.heads.role = "row";
    this.body = make("div", "body");
    this.body.role = "rowgroup";
    this.sheet.append(this.heads, this.body);
    container.append(this.sheet);
    this.content = null;
    this.active = null;
    this.shown = null;
    const draw = onceAFrame(() => this.draw());
    container.addEventListener("scroll", draw, { passive: true });
    new ResizeObserver(draw).observe(container);
    this.body.addEventListener("pointerover", (event) => this.pointAt(event.target.closest("[data-column]")));
    this.body.addEventListener("pointerleave", () => this.pointAt(null));
    this.sheet.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-column]");
      if (cell) this.content.onChoose(Number(cell.dataset.column));
    });
    container.addEventListener("keydown", (event) => this.key(event));
    container.addEventListener("blur", () => this.activate(null));
  }

  set(content) {
    this.content = content;
    this.chosen = content.chosen;
    this.active = null;
    this.layOut();
    this.shown = null;
    this.draw();
  }

  // Sizes: by the widest label and number, as a table would have them.
  layOut() {
    const { columns, rows } = this.content;
    const style = getComputedStyle(this.container);
    const font = `${style.fontSize} ${style.fontFamily}`;
    const unit = Number.parseFloat(style.fontSize);
    const widest = (labels) => labels.reduce((most, label) => Math.max(most, widthOf(label, font)), 0);
    const isNarrow = this.container.clientWidth < 480;
    this.rowHeight = Math.round(2.3 * unit);
    this.columnWidth = Math.round(Math.max(3.4 * unit, this.content.numberLength * 0.62 * unit + 0.9 * unit));
    this.labelWidth = Math.ceil(Math.min(widest(rows.filter((row) => row.label).map((row) => row.label)) + 1.2 * unit, (isNarrow ? 8 : 14) * unit));
    const longest = widest(columns);
    this.isUpright = longest <= this.columnWidth - 0.4 * unit;
    this.headHeight = Math.ceil(this.isUpright ? 1.8 * unit : Math.min(longest, 11 * unit) + 0.8 * unit);
    const { container, sheet } = this;
    container.setAttribute("aria-rowcount", rows.length + 1);
    container.setAttribute("aria-colcount", columns.length + 1);
    container.classList.toggle("upright", this.isUpright);
    sheet.style.width = `${this.labelWidth + columns.length * this.columnWidth}px`;
    sheet.style.height = `${this.headHeight + rows.length * this.rowHeight}px`;
    container.style.setProperty("--label", `${this.labelWidth}px`);
    container.style.setProperty("--column", `${this.columnWidth}px`);
    container.style.setProperty("--row", `${this.rowHeight}px`);
    container.style.setProperty("--head", `${this.headHeight}px`);
  }

  // The cells in sight, a few more on every side.
  window() {
    const { container } = this;
    const { columns, rows } = this.content;
    const part = (from, length, size, count) => {
      const first = Math.max(Math.floor(from / size) - AHEAD, 0);
      return [first, Math.min(Math.ceil((from + length) / size) + AHEAD, count)];
    };
    const [top, bottom] = part(container.scrollTop, container.clientHeight, this.rowHeight, rows.length);
    const [left, right] = part(container.scrollLeft, container.clientWidth, this.columnWidth, columns.length);
    return { top, bottom, left, right };
  }

  draw() {
    if (!this.content || this.container.clientHeight === 0) return;
    const { container } = this;
    const inSight = {
      top: Math.floor(container.scrollTop / this.rowHeight),
      bottom: Math.ceil((container.scrollTop + container.clientHeight) / this.rowHeight),
      left: Math.floor(container.scrollLeft / this.columnWidth),
      right: Math.ceil((container.scrollLeft + container.clientWidth) / this.columnWidth),
    };
    const { columns, rows } = this.content;
    const { shown } = this;
    const isReady =
      shown &&
      shown.top <= inSight.top &&
      shown.left <= inSight.left &&
      shown.bottom >= Math.min(inSight.bottom, rows.length) &&
      shown.right >= Math.min(inSight.right, columns.length);
    if (isReady) return;
    this.shown = this.window();
    this.drawHeads();
    this.drawRows();
    this.mark();
  }

  drawHeads() {
    const { left, right } = this.shown;
    const heads = [];
    for (let column = left; column < right; column++) {
      const head = make("div", "head");
      head.role = "columnheader";
      head.id = `${this.container.id}-h${column}`;
      head.ariaColIndex = String(column + 2);
      head.dataset.column = String(column);
      head.style.left = `${this.labelWidth + column * this.columnWidth}px`;
      head.append(labelled(this.content.columns[column]));
      heads.push(head);
    }
    const corner = make("div", "corner");
    this.heads.replaceChildren(corner, ...heads);
  }

  drawRows() {
    const { top, bottom, left, right } = this.shown;
    const lines = [];
    for (let index = top; index < bottom; index++) {
      const row = this.content.rows[index];
      const line = make("div", `row ${row.className ?? ""}`);
      line.role = "row";
      line.ariaRowIndex = String(index + 2);
      line.style.top = `${this.headHeight + index * this.rowHeight}px`;
      const head = make("div", "label");
      head.role = "rowheader";
      if (row.heading) {
        line.classList.add("group");
        head.append(make("span", "", row.heading));
      } else {
        head.append(labelled(row.label));
      }
      line.append(head);
      if (!row.heading)
        for (let column = left; column < right; column++) {
          const { text, className } = row.cell(column);
          const cell = make("div", className ? `cell ${className}` : "cell", text);
          cell.role = "gridcell";
          cell.id = `${this.container.id}-${index}-${column}`;
          cell.ariaColIndex = String(column + 2);
          cell.dataset.row = String(index);
          cell.dataset.column = String(column);
          cell.style.left = `${this.labelWidth + column * this.columnWidth}px`;
          line.append(cell);
        }
      lines.push(line);
    }
    this.body.replaceChildren(...lines);
  }

  // Shows which column is chosen and which cell is pointed at.
  mark() {
    for (const marked of this.sheet.querySelectorAll(".on,.chosen")) marked.classList.remove("on", "chosen");
    const chosen = this.chosen === null ? [] : this.sheet.querySelectorAll(`[data-column="${this.chosen}"]`);
    for (const cell of chosen) cell.classList.add("chosen");
    if (!this.active) return;
    const cell = this.cellAt(this.active.row, this.active.column);
    cell?.classList.add("on");
    cell?.parentElement.querySelector(".label")?.classList.add("on");
    this.heads.querySelector(`[data-column="${this.active.column}"]`)?.classList.add("on");
  }

  choose(column) {
    if (this.chosen === column) return;
    this.chosen = column;
    this.mark();
  }

  cellAt(row, column) {
    return this.body.querySelector(`[data-row="${row}"][data-column="${column}"]`);
  }

  pointAt(cell) {
    this.activate(cell ? { row: Number(cell.dataset.row), column: Number(cell.dataset.column) } : null);
  }

  activate(active) {
    this.active = active;
    this.mark();
    if (active) this.container.setAttribute("aria-activedescendant", `${this.container.id}-${active.row}-${active.column}`);
    else this.container.removeAttribute("aria-activedescendant");
    this.content.onPoint(active ? this.content.rows[active.row] : null, active?.column ?? null);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.content) return;
    const { columns, rows } = this.content;
    const first = rows.findIndex((row) => !row.heading);
    if (first < 0 || columns.length === 0) return;
    let { row, column } = this.active ?? { row: first, column: this.chosen ?? 0 };
    const moves = {
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      PageDown: [10, 0],
      PageUp: [-10, 0],
      Home: [0, -column],
      End: [0, columns.length - 1 - column],
    };
    if (event.key === "Enter" || event.key === " ") this.content.onChoose(column);
    else if (event.key === "Escape") this.activate(null);
    else if (moves[event.key]) {
      const [down, right] = moves[event.key];
      if (this.active) {
        column = Math.min(Math.max(column + right, 0), columns.length - 1);
        row = Math.min(Math.max(row + down, first), rows.length - 1);
        // Headings between groups of rows have no cells.
        while (rows[row]?.heading) row += down < 0 ? -1 : 1;
      }
      this.reveal(row, column);
      this.activate({ row, column });
    } else return;
    event.preventDefault();
  }

  // Scrolls so far that a cell is in sight.
  reveal(row, column) {
    const { container } = this;
    const top = row * this.rowHeight;
    const left = column * this.columnWidth;
    const height = container.clientHeight - this.headHeight - this.rowHeight;
    const width = container.clientWidth - this.labelWidth - this.columnWidth;
    container.scrollTop = Math.min(Math.max(container.scrollTop, top - height), top);
    container.scrollLeft = Math.min(Math.max(container.scrollLeft, left - width), left);
    this.draw();
  }
}

function labelled(label) {
  if (label.isPlain) return make("span", "", label.text);
  const element = foreign("span", label.isSpecial ? "special" : "", "");
  if (label.mark) element.append(make("span", "mark", label.mark));
  element.append(label.text);
  return element;
}
