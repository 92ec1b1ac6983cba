// A table of any size of which only what is in sight is in the page: rows are placed by their numbers, and in each of them an
// empty room stands for the cells before those in sight.

import { afterThisFrame, byId, foreign, make, onceAFrame, widestOf } from "./dom.js";

// Cells kept ready around what is in sight, so that a small scroll draws nothing.
const AHEAD = 8;

// Copies of an element cost less than its making.
const plainCell = make("div", "cell");
plainCell.role = "gridcell";
const plainHead = make("div", "head");
plainHead.role = "columnheader";
const plainRoom = make("div", "room");
plainRoom.role = "presentation";

const columnOf = (cell) => Number(cell.ariaColIndex) - 2;

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
    this.coverMore = afterThisFrame(() => this.shown && this.content && this.cover(AHEAD));
    container.addEventListener("scroll", draw, { passive: true });
    new ResizeObserver(draw).observe(container);
    this.body.addEventListener("pointerover", (event) => this.pointAt(event.target.closest(".cell")));
    this.body.addEventListener("pointerleave", () => this.pointAt(null));
    this.sheet.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell,.head");
      if (cell) this.content?.onChoose(columnOf(cell));
    });
    container.addEventListener("keydown", (event) => this.key(event));
    container.addEventListener("blur", () => this.activate(null));
  }

  // What is there stays in sight and does nothing, until there is something new.
  leave() {
    this.content = null;
    this.chosen = null;
  }

  set(content) {
    this.content = content;
    this.chosen = content.chosen;
    this.active = null;
    this.shown = null;
    // What is there would be laid out once more, only to go.
    this.heads.replaceChildren(make("div", "corner"), plainRoom.cloneNode());
    this.body.replaceChildren();
    this.layOut();
    if (this.container.clientHeight === 0) return;
    // First what is in sight.
    this.cover(0);
    this.coverMore();
  }

  // Sizes: by the widest label and number, as a table would have them.
  layOut() {
    const { columns, rows } = this.content;
    const style = getComputedStyle(this.container);
    const unit = Number.parseFloat(style.fontSize);
    const isNarrow = innerWidth < 520;
    this.rowHeight = Math.round(2.3 * unit);
    this.columnWidth = Math.round(Math.max(3.4 * unit, this.content.numberLength * 0.62 * unit + 0.9 * unit));
    this.labelWidth = Math.ceil(Math.min(widestOf(rows.filter((row) => row.label).map((row) => row.label), style) + 1.2 * unit, (isNarrow ? 8 : 14) * unit));
    const longest = widestOf(columns, style);
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

  // The cells in sight, and so many more on every side.
  window(ahead) {
    const { container } = this;
    const { columns, rows } = this.content;
    const part = (from, length, size, count) => {
      const first = Math.max(Math.floor(from / size) - ahead, 0);
      return [first, Math.min(Math.ceil((from + length) / size) + ahead, count)];
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
    if (!isReady) this.cover(AHEAD);
  }

  cover(ahead) {
    const had = this.shown ?? { top: 0, left: 0 };
    this.shown = this.window(ahead);
    this.drawHeads(had);
    this.drawRows(had);
    this.mark();
  }

  drawHeads(had) {
    this.drawCells(this.heads, had, (column) => {
      const head = plainHead.cloneNode();
      head.id = `${this.container.id}-h${column}`;
      head.ariaColIndex = String(column + 2);
      head.append(labelled(this.content.columns[column]));
      return head;
    });
  }

  drawRows(had) {
    const { top, bottom } = this.shown;
    refill(this.body, 0, had.top, top, bottom, (index) => this.line(index));
    [...this.body.children].forEach((line, place) => {
      const index = top + place;
      const row = this.content.rows[index];
      if (row.heading) return;
      this.drawCells(line, had, (column) => {
        const { text, className } = row.cell(column);
        const cell = plainCell.cloneNode();
        if (className) cell.className = `cell ${className}`;
        cell.textContent = text;
        cell.id = `${this.container.id}-${index}-${column}`;
        cell.ariaColIndex = String(column + 2);
        return cell;
      });
    });
  }

  // The cells of the columns shown, after a label and the room of the columns before.
  drawCells(line, had, makeOne) {
    const { left, right } = this.shown;
    line.children[1].style.width = `${left * this.columnWidth}px`;
    refill(line, 2, had.left, left, right, makeOne);
  }

  // A row, as yet without cells.
  line(index) {
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
    } else head.append(labelled(row.label));
    line.append(head, plainRoom.cloneNode());
    return line;
  }

  // Shows which column is chosen and which cell is pointed at.
  mark() {
    for (const marked of this.sheet.querySelectorAll(".on,.chosen")) marked.classList.remove("on", "chosen");
    const chosen = this.chosen === null ? [] : this.sheet.querySelectorAll(`[aria-colindex="${this.chosen + 2}"]`);
    for (const cell of chosen) cell.classList.add("chosen");
    if (!this.active) return;
    const cell = this.cellAt(this.active.row, this.active.column);
    cell?.classList.add("on");
    cell?.parentElement.querySelector(".label")?.classList.add("on");
    byId(`${this.container.id}-h${this.active.column}`)?.classList.add("on");
  }

  choose(column) {
    if (!this.content || this.chosen === column) return;
    this.chosen = column;
    this.mark();
  }

  cellAt(row, column) {
    return byId(`${this.container.id}-${row}-${column}`);
  }

  pointAt(cell) {
    this.activate(cell ? { row: Number(cell.parentElement.ariaRowIndex) - 2, column: columnOf(cell) } : null);
  }

  activate(active) {
    this.active = active;
    this.mark();
    if (active) this.container.setAttribute("aria-activedescendant", `${this.container.id}-${active.row}-${active.column}`);
    else this.container.removeAttribute("aria-activedescendant");
    this.content?.onPoint(active ? this.content.rows[active.row] : null, active?.column ?? null);
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

// The children of an element after its first `fixed` ones, numbered from `had` on, become those from `from` to `to`. What is there
// already stays where it is.
function refill(parent, fixed, had, from, to, makeOne) {
  const there = [...parent.children].slice(fixed);
  const [first, last] = [Math.max(had, from), Math.min(had + there.length, to)];
  const made = (start, end) => Array.from({ length: Math.max(end - start, 0) }, (_, index) => makeOne(start + index));
  there.forEach((child, index) => (had + index < first || had + index >= last) && child.remove());
  if (first >= last) parent.append(...made(from, to));
  else {
    parent.children[fixed].before(...made(from, first));
    parent.append(...made(last, to));
  }
}

function labelled(label) {
  if (label.isPlain) return make("span", "", label.text);
  const element = foreign("span", label.isSpecial ? "special" : "", "");
  if (label.mark) element.append(make("span", "mark", label.mark));
  element.append(label.text);
  return element;
}
