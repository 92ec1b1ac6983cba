// On paper there is no scrolling: the whole matrix, in tables as wide as a page.

import { byId, make } from "./dom.js";

const COLUMNS = 22;

export function onPrint(content) {
  addEventListener("beforeprint", () => {
    const { columns, rows } = content();
    const tables = [];
    for (let from = 0; from < columns.length; from += COLUMNS) tables.push(table(columns, rows, from, Math.min(from + COLUMNS, columns.length)));
    byId("paper").replaceChildren(...tables);
  });
  addEventListener("afterprint", () => byId("paper").replaceChildren());
}

function table(columns, rows, from, to) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  head.append(make("td"), ...columns.slice(from, to).map((label) => headed(label, "col")));
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    if (row.heading) {
      const head = headed({ mark: "", text: row.heading }, "rowgroup");
      head.colSpan = to - from + 1;
      line.className = "group";
      line.append(head);
      continue;
    }
    line.append(headed(row.label, "row"));
    for (let column = from; column < to; column++) {
      const { text, className } = row.cell(column);
      line.append(make("td", className, text));
    }
  }
  return table;
}

function headed(label, scope) {
  const head = make("th");
  head.scope = scope;
  head.append(make("span", "", label.mark + label.text));
  return head;
}
