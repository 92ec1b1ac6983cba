// The list of texts, and the search in it.

import { byId, make } from "./dom.js";

export class List {
  constructor(summaries) {
    this.list = byId("texts");
    this.search = byId("search");
    if (!this.list) return;
    this.items = summaries.map(({ given, written }, index) => {
      const item = make("li");
      const link = make("a");
      link.href = `#text-${index}`;
      const texts = [given, written].filter((text) => text !== "");
      link.append(make("span", "number", String(index + 1)), ...texts.map((text) => {
        const line = make("bdi", "", text);
        line.translate = false;
        return line;
      }));
      item.append(link);
      return { item, link, text: `${given}\n${written}`.toLocaleLowerCase() };
    });
    this.list.replaceChildren(...this.items.map(({ item }) => item));
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => {
      const first = this.items.find(({ item }) => !item.hidden);
      if (event.key === "Enter" && first) location.hash = first.link.hash;
    });
    byId("previous").addEventListener("click", () => this.go(-1));
    byId("next").addEventListener("click", () => this.go(1));
    this.filter();
  }

  filter() {
    const words = this.search.value.toLocaleLowerCase().split(/\s+/).filter((word) => word !== "");
    let count = 0;
    for (const { item, text } of this.items) {
      const isFound = words.every((word) => text.includes(word));
      item.hidden = !isFound;
      count += isFound;
    }
    byId("found").textContent = words.length ? `${count} of ${this.items.length} texts` : `${this.items.length} texts`;
    this.step();
  }

  open(index) {
    if (!this.list) return;
    this.items[this.current]?.link.removeAttribute("aria-current");
    this.current = index;
    const { link } = this.items[index];
    link.ariaCurrent = "true";
    // Only the list scrolls, not the page.
    const [top, bottom] = [link.offsetTop, link.offsetTop + link.offsetHeight];
    if (top < this.list.scrollTop || bottom > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top - this.list.clientHeight / 3;
    this.step();
  }

  // The texts before and after, of those that were found.
  step() {
    const found = this.items.map((_, index) => index).filter((index) => !this.items[index].item.hidden);
    this.around = [found.filter((index) => index < this.current).at(-1), found.find((index) => index > this.current)];
    byId("previous").disabled = this.around[0] === undefined;
    byId("next").disabled = this.around[1] === undefined;
  }

  go(direction) {
    const index = this.around[direction < 0 ? 0 : 1];
    if (index !== undefined) location.hash = `#text-${index}`;
  }
}
