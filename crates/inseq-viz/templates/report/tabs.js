// The views below the text, one at a time.

import { byId } from "./dom.js";

export class Tabs {
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.tabs = [...byId("tabs").querySelectorAll("[role=tab]")];
    byId("tabs").addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) this.open(tab.dataset.view);
    });
    byId("tabs").addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const shown = this.tabs.filter((tab) => !tab.hidden);
      const index = shown.indexOf(document.activeElement);
      if (!move || index < 0) return;
      const next = shown[(index + move + shown.length) % shown.length];
      this.open(next.dataset.view);
      next.focus();
      event.preventDefault();
    });
  }

  // Which views a text has.
  offer(views) {
    for (const tab of this.tabs) tab.hidden = !views.includes(tab.dataset.view);
    if (!views.includes(this.view)) this.open("matrix");
  }

  open(view) {
    this.view = view;
    for (const tab of this.tabs) {
      const isOpen = tab.dataset.view === view;
      tab.ariaSelected = String(isOpen);
      tab.tabIndex = isOpen ? 0 : -1;
      byId(`view-${tab.dataset.view}`).hidden = !isOpen;
    }
    this.onOpen(view);
  }
}
