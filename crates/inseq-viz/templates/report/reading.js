// The texts as they are read. A generated token lights up what made it.

import { announce, byId, foreign, make } from "./dom.js";
import { FAINT, numberFormat } from "./scale.js";

export class Reading {
  // `onKeep(step)` when the reader settles on a generated token, or on none.
  constructor(onKeep, contributors) {
    this.onKeep = onKeep;
    this.most = contributors;
    this.passages = byId("passages");
    this.panel = byId("panel");
    this.passages.addEventListener("pointerover", (event) => {
      const step = stepOf(event);
      if (event.pointerType !== "touch" && step !== null) this.show(step);
    });
    this.passages.addEventListener("pointerleave", () => this.show(this.kept));
    this.passages.addEventListener("click", (event) => {
      const step = stepOf(event);
      if (step !== null) this.onKeep(step === this.kept ? null : step);
    });
    this.passages.addEventListener("focusin", (event) => {
      const step = stepOf(event);
      // A click focuses before it selects; only the keyboard shows on focus.
      if (step !== null && event.target.matches(":focus-visible")) {
        this.show(step);
        this.read(step);
      }
    });
    this.passages.addEventListener("focusout", () => this.show(this.kept));
    this.passages.addEventListener("keydown", (event) => this.key(event, stepOf(event)));
  }

  // Puts the text of a model into the page.
  set(model) {
    this.model = model;
    this.kept = null;
    this.tokens = { source: [], target: [] };
    this.options = [];
    this.lit = [];
    this.passages.replaceChildren(...model.text.passages.map((passage) => this.passage(passage)));
  }

  // The same text, its scores asked for in another way.
  update(model) {
    this.model = model;
    this.show(this.kept);
  }

  passage({ role, side, heading, direction, first, last }) {
    const { text } = this.model;
    const tokens = text.tokens(side);
    const block = make("div", `passage ${role}`);
    const title = make("h3", "", heading);
    title.id = `${role}-heading`;
    const flow = foreign("p", "flow", "");
    flow.dir = direction;
    for (let position = first; position < last; position++) {
      if (position > first && tokens.isAfterSpace(position)) flow.append(" ");
      const token = make("span", tokens.isSpecial(position) || !tokens.word(position) ? "token special" : "token", tokens.flowing(position));
      this.tokens[side][position] = token;
      const step = position - text.start;
      if (side === "target" && step >= 0 && step < text.steps) {
        token.role = "option";
        token.ariaSelected = "false";
        token.tabIndex = step === 0 ? 0 : -1;
        token.dataset.step = String(step);
        this.options[step] = token;
      }
      flow.append(token);
    }
    if (this.options.length && flow.querySelector("[role=option]")) {
      flow.role = "listbox";
      flow.setAttribute("aria-orientation", "horizontal");
      flow.setAttribute("aria-labelledby", title.id);
      flow.setAttribute("aria-describedby", "hint");
    }
    block.append(title, flow);
    return block;
  }

  // Lights up what led to a step.
  show(step) {
    for (const { token, className } of this.lit) token.classList.remove("lit", "chosen", ...className);
    this.lit = [];
    this.panel.hidden = step === null;
    if (step === null) return;
    const { model } = this;
    const found = model.contributors(step);
    for (const { row, score } of found) {
      // In running text every token has some score; only those that matter are worth a colour.
      if (model.scale.strength(score) < FAINT) continue;
      const token = this.tokens[row.side][row.position];
      if (!token) continue;
      const className = [model.className(score)];
      token.classList.add("lit", ...className);
      this.lit.push({ token, className });
    }
    this.options[step].classList.add("chosen");
    this.lit.push({ token: this.options[step], className: [] });
    this.fillPanel(step, found.slice(0, this.most));
  }

  fillPanel(step, best) {
    const { model } = this;
    this.panel.querySelector(".chosen-token").textContent = model.name("target", model.text.start + step);
    const largest = best.reduce((most, { score }) => Math.max(most, Math.abs(score)), 0);
    this.panel.querySelector(".contributors").replaceChildren(
      ...best.map(({ row, score }) => {
        const item = make("li");
        const label = make("span");
        label.append(foreign("bdi", "", model.name(row.side, row.position)), make("span", "where", model.isWritten(row) ? "so far" : ""));
        const bar = make("span", "bar");
        // On a scale of two sides the bar says which; on one of a single side its length says all.
        const fill = make("i", model.scale.isDiverging ? (score < 0 ? "d5" : "d27") : "");
        fill.style.width = `${largest > 0 ? (100 * Math.abs(score)) / largest : 0}%`;
        bar.append(fill);
        item.append(label, make("span", "value", model.write(score)), bar);
        return item;
      }),
    );
    const scores = this.panel.querySelector(".step-scores");
    scores.replaceChildren(
      ...model.text.stepScores.map(({ name, scores }) => {
        const group = make("div");
        group.append(make("dt", "", name), make("dd", "", numberFormat([scores])(scores[step]) || "–"));
        return group;
      }),
    );
    scores.hidden = model.text.stepScores.length === 0;
  }

  read(step) {
    const best = this.model.contributors(step).slice(0, 3);
    const reasons = best.map(({ row, score }) => `${this.model.name(row.side, row.position)} ${this.model.write(score)}`).join(", ");
    announce(`${this.options[step].textContent} is explained by: ${reasons || "nothing"}.`);
  }

  keep(step) {
    const before = this.options[this.kept ?? 0];
    if (before) {
      before.ariaSelected = "false";
      before.tabIndex = -1;
    }
    this.kept = step;
    const now = this.options[step ?? 0];
    if (now) {
      now.ariaSelected = String(step !== null);
      now.tabIndex = 0;
    }
    this.show(step);
  }

  key(event, step) {
    if (step === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const isRightToLeft = event.target.parentElement.dir === "rtl";
    const last = this.options.length - 1;
    const moves = {
      [isRightToLeft ? "ArrowLeft" : "ArrowRight"]: step + 1,
      [isRightToLeft ? "ArrowRight" : "ArrowLeft"]: step - 1,
      ArrowDown: step + 1,
      ArrowUp: step - 1,
      Home: 0,
      End: last,
    };
    if (event.key in moves) {
      const next = Math.min(Math.max(moves[event.key], 0), last);
      // The kept token moves along, so that what is lit stays when the focus leaves.
      this.onKeep(next);
      this.options[next].focus();
    } else if (event.key === "Enter" || event.key === " ") this.onKeep(step === this.kept ? null : step);
    else if (event.key === "Escape") this.onKeep(null);
    else return;
    event.preventDefault();
  }
}

function stepOf(event) {
  const option = event.target.closest?.("[role=option]");
  return option ? Number(option.dataset.step) : null;
}
