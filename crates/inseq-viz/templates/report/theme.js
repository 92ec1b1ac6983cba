// Light, dark, or as the system has it.

import { byId, root } from "./dom.js";

const names = { auto: "as the system", light: "light", dark: "dark" };

function stored() {
  try {
    return localStorage.getItem("inseq-theme");
  } catch {
    return null;
  }
}

export function offerThemes() {
  const button = byId("theme");
  const set = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    button.setAttribute("aria-label", `Colour theme: ${names[theme]}`);
  };
  let theme = names[stored()] ? stored() : (root.dataset.theme ?? "auto");
  set(theme);
  button.addEventListener("click", () => {
    const order = Object.keys(names);
    theme = order[(order.indexOf(theme) + 1) % order.length];
    set(theme);
    try {
      localStorage.setItem("inseq-theme", theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  });
}
