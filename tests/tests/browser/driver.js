// Plays a reader: moves through the page with the events that a pointer and a keyboard send, and writes down what it
// shows. The test compares that with the scores.
(async () => {
  const seen = {};
  const text = (index) => document.getElementById(`text-${index}`);
  const one = (selector, index = 0) => text(index).querySelector(selector);
  const option = (step, index = 0) => one(`[role=option][data-step="${step}"]`, index);
  const lit = (index = 0) =>
    [...text(index).querySelectorAll(".token.lit[data-source]")].map((token) => [Number(token.dataset.source), token.className.match(/\b[sd](\d+)\b/)[1]]);
  const panel = () => [...text(0).querySelectorAll(".contributors li")].map((item) => [item.querySelector("bdi").textContent, item.querySelector(".value").textContent]);
  const pointer = (target, kind, pointerType = "mouse") => target.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerType }));
  const key = (name) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const announced = () => document.getElementById("announcer").textContent;
  const selected = (index = 0) => [...text(index).querySelectorAll("[aria-selected=true]")].map((token) => Number(token.dataset.step));

  seen.selectedAtFirst = selected();
  seen.announcedAtFirst = announced();

  option(2).click();
  seen.afterClick = { selected: selected(), lit: lit(), panel: panel(), announced: announced(), steps: one(".step-scores").textContent };
  seen.color = getComputedStyle(one('.token[data-source="2"]')).backgroundColor;
  seen.cellColor = getComputedStyle(one('tr[data-side=source][data-position="2"] td:nth-child(4)')).backgroundColor;

  pointer(option(4), "pointerover");
  seen.hover = one(".chosen-token").textContent;
  pointer(option(4).parentElement, "pointerleave");
  seen.afterHover = one(".chosen-token").textContent;
  pointer(option(4), "pointerover", "touch");
  seen.touchDoesNotHover = one(".chosen-token").textContent;

  option(2).focus();
  key("ArrowRight");
  seen.right = { selected: selected(), focus: Number(document.activeElement.dataset.step), announced: announced() };
  key("End");
  seen.end = selected();
  key("ArrowRight");
  seen.pastTheEnd = selected();
  key("Escape");
  seen.escape = { selected: selected(), hidden: one(".panel").hidden, lit: lit().length };

  pointer(one("tr[data-side=source] td"), "pointerover");
  seen.readout = one(".readout").textContent;
  seen.marked = text(0).querySelectorAll(".matrix .on").length;
  one("tr[data-side=source] td:nth-child(3)").click();
  seen.cellClick = selected();

  let blob = null;
  URL.createObjectURL = (made) => ((blob = made), "data:,");
  one("[data-download=csv]").click();
  seen.csv = await blob.text();
  one("[data-download=json]").click();
  seen.json = JSON.parse(await blob.text());

  const shown = () => [...document.querySelectorAll("section.text")].filter((section) => getComputedStyle(section).display !== "none").map((section) => section.id);
  seen.shown = [shown()];
  document.getElementById("next").click();
  seen.shown.push(shown());
  option(1, 1).focus();
  key("ArrowLeft");
  seen.leftIsForwardInArabic = selected(1);
  document.getElementById("picker").value = "2";
  document.getElementById("picker").dispatchEvent(new Event("change"));
  seen.shown.push(shown());
  seen.nextDisabled = document.getElementById("next").disabled;

  seen.grounds = [];
  for (let press = 0; press < 3; press++) {
    document.getElementById("theme").click();
    seen.grounds.push([document.documentElement.dataset.theme ?? "auto", getComputedStyle(document.documentElement).backgroundColor]);
  }
  seen.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;

  const output = document.createElement("pre");
  output.id = "seen";
  output.textContent = JSON.stringify(seen);
  document.body.append(output);
})();
