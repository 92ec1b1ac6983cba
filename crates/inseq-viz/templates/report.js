(() => {
  "use strict";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const report = JSON.parse(byId("data").textContent);
  const announcer = byId("announcer");
  root.classList.add("js");

  // Scores and colours are read from the table, which the page came with: one place decides how they look.
  class Text {
    constructor(section, data) {
      this.section = section;
      this.data = data;
      this.kept = null;
      this.shown = null;
      this.options = [...section.querySelectorAll("[role=option]")];
      this.tokens = { source: new Map(), target: new Map() };
      for (const side of ["source", "target"])
        for (const token of section.querySelectorAll(`.token[data-${side}]`)) this.tokens[side].set(Number(token.dataset[side]), token);
      this.rows = [...section.querySelectorAll("tr[data-side]")].map((row) => ({
        side: row.dataset.side,
        position: Number(row.dataset.position),
        head: row.cells[0],
        cells: [...row.cells].slice(1),
        scores: data[`${row.dataset.side}_attributions`][Number(row.dataset.position)],
      }));
      this.stepRows = [...section.querySelectorAll("tbody.steps tr:not(.group)")];
      this.heads = [...section.querySelectorAll("thead th")];
      this.panel = section.querySelector(".panel");
      this.listen();
    }

    colorOf(cell) {
      return cell.className.split(" ").find((name) => /^[sd]\d+$/.test(name));
    }

    contributors(step) {
      return this.rows
        .filter((row) => row.scores[step] !== null)
        .map((row) => ({ row, score: row.scores[step], color: this.colorOf(row.cells[step]), value: row.cells[step].textContent }))
        .sort((one, two) => Math.abs(two.score) - Math.abs(one.score));
    }

    // Lights up what made a generated token; `step` null puts everything out.
    show(step) {
      if (step === this.shown) return;
      for (const side of ["source", "target"])
        for (const token of this.tokens[side].values())
          token.className = token.className.replace(/ (?:[sd]\d+|chosen|lit)\b/g, "");
      for (const cell of this.section.querySelectorAll("th.chosen,td.chosen")) cell.classList.remove("chosen");
      this.shown = step;
      this.panel.hidden = step === null;
      if (step === null) return;
      const found = this.contributors(step);
      for (const { row, color } of found) {
        const token = this.tokens[row.side].get(row.position);
        if (token && color) token.classList.add(color, "lit");
      }
      this.options[step].classList.add("chosen");
      if (this.heads[step]) this.heads[step].classList.add("chosen");
      for (const { row } of found) row.cells[step].classList.add("chosen");
      this.fillPanel(step, found);
    }

    fillPanel(step, found) {
      this.panel.querySelector(".chosen-token").textContent = this.options[step].textContent;
      const best = found.slice(0, report.contributors);
      const largest = Math.max(...best.map(({ score }) => Math.abs(score)), 0);
      this.panel.querySelector(".contributors").replaceChildren(
        ...best.map(({ row, score, color, value }) => {
          const item = make("li");
          const label = make("span");
          const name = make("bdi", "", this.nameOf(row));
          name.lang = "";
          name.translate = false;
          label.append(name, make("span", "where", this.isGenerated(row) ? "so far" : ""));
          const bar = make("span", "bar");
          // On a scale of two sides the bar says which; on one of a single side its length says all.
          const fill = make("i", color.startsWith("d") ? (score < 0 ? "d5" : "d27") : "");
          fill.style.width = `${largest > 0 ? (100 * Math.abs(score)) / largest : 0}%`;
          bar.append(fill);
          item.append(label, make("span", "value", value), bar);
          return item;
        }),
      );
      const scores = this.panel.querySelector(".step-scores");
      scores.replaceChildren(
        ...this.stepRows.map((row) => {
          const group = make("div");
          group.append(make("dt", "", row.cells[0].textContent), make("dd", "", row.cells[step + 1].textContent || "–"));
          return group;
        }),
      );
      scores.hidden = this.stepRows.length === 0;
    }

    isGenerated(row) {
      return row.side === "target" && (this.data.source_attributions !== null || row.position >= this.data.attr_pos_start);
    }

    nameOf(row) {
      const token = this.tokens[row.side].get(row.position);
      return token ? token.textContent : row.head.textContent;
    }

    announce(step) {
      const best = this.contributors(step).slice(0, 3);
      const reasons = best.map(({ row, value }) => `${this.nameOf(row)} ${value}`).join(", ");
      announcer.textContent = `${this.options[step].textContent} is explained by: ${reasons || "nothing"}.`;
    }

    keep(step, announced = true) {
      this.kept = step;
      this.options.forEach((option, index) => {
        option.setAttribute("aria-selected", String(index === step));
        option.tabIndex = index === (step ?? 0) ? 0 : -1;
      });
      this.show(step);
      if (announced && step !== null) this.announce(step);
      if (announced && step === null) announcer.textContent = "";
    }

    listen() {
      const flow = this.options[0]?.parentElement;
      const stepOf = (event) => {
        const option = event.target.closest?.("[role=option]");
        return option ? Number(option.dataset.step) : null;
      };
      if (flow) {
        flow.addEventListener("pointerover", (event) => {
          const step = stepOf(event);
          if (event.pointerType !== "touch" && step !== null) this.show(step);
        });
        flow.addEventListener("pointerleave", () => this.show(this.kept));
        flow.addEventListener("click", (event) => {
          const step = stepOf(event);
          if (step !== null) this.keep(step === this.kept ? null : step);
        });
        flow.addEventListener("focusin", (event) => {
          const step = stepOf(event);
          // A click focuses before it selects; only the keyboard shows on focus.
          if (step !== null && event.target.matches(":focus-visible")) {
            this.show(step);
            this.announce(step);
          }
        });
        flow.addEventListener("focusout", () => this.show(this.kept));
        flow.addEventListener("keydown", (event) => this.key(event, stepOf(event), flow.dir === "rtl"));
      }
      const matrix = this.section.querySelector(".matrix");
      if (!matrix) return;
      matrix.addEventListener("pointerover", (event) => this.point(event.target.closest("td,th")));
      matrix.addEventListener("pointerleave", () => this.point(null));
      matrix.addEventListener("click", (event) => {
        const cell = event.target.closest("td,thead th");
        const step = cell ? cell.cellIndex - 1 : -1;
        if (step >= 0 && step < this.options.length) this.keep(step === this.kept && cell.tagName === "TH" ? null : step);
      });
      for (const button of this.section.querySelectorAll("[data-download]"))
        button.addEventListener("click", () => this.download(button.dataset.download));
    }

    key(event, step, isRightToLeft) {
      if (step === null || event.altKey || event.ctrlKey || event.metaKey) return;
      const forward = isRightToLeft ? "ArrowLeft" : "ArrowRight";
      const back = isRightToLeft ? "ArrowRight" : "ArrowLeft";
      const last = this.options.length - 1;
      let next = null;
      if (event.key === forward || event.key === "ArrowDown") next = Math.min(step + 1, last);
      else if (event.key === back || event.key === "ArrowUp") next = Math.max(step - 1, 0);
      else if (event.key === "Home") next = 0;
      else if (event.key === "End") next = last;
      else if (event.key === "Enter" || event.key === " ") this.keep(step === this.kept ? null : step);
      else if (event.key === "Escape") this.keep(null);
      else return;
      event.preventDefault();
      if (next !== null) {
        // The kept token moves along, so that what is lit stays when the focus leaves.
        this.keep(next);
        this.options[next].focus();
      }
    }

    // Marks the row and column of a cell of the matrix, and reads it out below.
    point(cell) {
      for (const marked of this.section.querySelectorAll(".matrix .on")) marked.classList.remove("on");
      const readout = this.section.querySelector(".readout");
      readout.textContent = "\u00a0";
      if (!cell || cell.tagName !== "TD" || cell.cellIndex < 1) return;
      const row = cell.parentElement;
      const head = this.heads[cell.cellIndex - 1];
      if (!head || !row.cells[0]) return;
      cell.classList.add("on");
      head.classList.add("on");
      row.cells[0].classList.add("on");
      if (!cell.textContent) return;
      const [from, to] = [make("bdi", "", row.cells[0].textContent), make("bdi", "", head.textContent)];
      readout.replaceChildren(from, " → ", to, "  ", make("b", "", cell.textContent));
    }

    download(format) {
      const name = `attribution-${Number(this.section.dataset.index) + 1}.${format}`;
      if (format === "json") save(name, "application/json", JSON.stringify({ info: report.info, ...this.data }, null, 1));
      else save(name, "text/csv", "\ufeff" + this.csv());
    }

    csv() {
      const spelling = (side, position) => this.data[side][position].token;
      const start = this.data.attr_pos_start;
      const lines = [["", "", ...this.options.map((_, step) => spelling("target", start + step))]];
      for (const row of this.rows) lines.push([row.side, spelling(row.side, row.position), ...row.scores]);
      for (const [name, scores] of Object.entries(this.data.step_scores)) lines.push(["step_score", name, ...scores]);
      return lines.map((line) => line.map(field).join(",") + "\r\n").join("");
    }
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

  const texts = [...document.querySelectorAll("section.text")].map((section, index) => new Text(section, report.texts[index]));

  // The first look should show something: a token with a strong reason, and rather a long word than a comma.
  for (const text of texts) {
    let best = null;
    let strongest = 0;
    text.options.forEach((option, step) => {
      if (option.classList.contains("special")) return;
      const [first] = text.contributors(step);
      const interest = first ? Math.abs(first.score) * Math.min(option.textContent.length, 8) : 0;
      if (interest > strongest) [best, strongest] = [step, interest];
    });
    if (best !== null) text.keep(best, false);
  }

  // Colours fade only when the reader changes them, not while the page opens.
  requestAnimationFrame(() => requestAnimationFrame(() => root.classList.add("ready")));

  const picker = byId("picker");
  function open(index) {
    if (!texts.length) return;
    const chosen = Math.min(Math.max(Number.isInteger(index) ? index : 0, 0), texts.length - 1);
    texts.forEach((text, other) => text.section.classList.toggle("current", other === chosen));
    if (!picker) return;
    picker.value = String(chosen);
    byId("count").textContent = `${chosen + 1} of ${texts.length}`;
    byId("previous").disabled = chosen === 0;
    byId("next").disabled = chosen === texts.length - 1;
  }
  const fromAddress = () => Number.parseInt(location.hash.replace("#text-", ""), 10);
  open(fromAddress());
  addEventListener("hashchange", () => open(fromAddress()));
  if (picker) {
    const go = (index) => {
      open(index);
      try {
        history.replaceState(null, "", `#text-${index}`);
      } catch {
        // A page without an address of its own (a preview) has no history to write to.
      }
    };
    picker.addEventListener("change", () => go(Number(picker.value)));
    byId("previous").addEventListener("click", () => go(Number(picker.value) - 1));
    byId("next").addEventListener("click", () => go(Number(picker.value) + 1));
  }

  const button = byId("theme");
  const names = { auto: "as the system", light: "light", dark: "dark" };
  function setTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    button.setAttribute("aria-label", `Colour theme: ${names[theme]}`);
  }
  const stored = () => {
    try {
      return localStorage.getItem("inseq-theme");
    } catch {
      return null;
    }
  };
  let theme = names[stored()] ? stored() : (root.dataset.theme ?? "auto");
  setTheme(theme);
  button.addEventListener("click", () => {
    const order = Object.keys(names);
    theme = order[(order.indexOf(theme) + 1) % order.length];
    setTheme(theme);
    try {
      localStorage.setItem("inseq-theme", theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  });
})();
