// Plays a reader: moves through the page with the events that a pointer and a keyboard send, and writes down what it
// shows. The test compares that with the scores.
(async () => {
  // Where the clock is virtual, nothing asks the page for frames. A frame ends with the page laid out.
  window.requestAnimationFrame = (draw) =>
    setTimeout(() => {
      draw(performance.now());
      document.body.getBoundingClientRect();
    }, 16);
  // A virtual clock without timers to stop at runs on to its end.
  setInterval(() => {}, 10);
  // Colours fade from frame to frame, too.
  const still = document.createElement("style");
  still.textContent = "* { transition: none !important }";
  document.head.append(still);
  const seen = {};
  const byId = (id) => document.getElementById(id);
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const next = () => new Promise((done) => requestAnimationFrame(done));
  // The page draws a view a frame after what asked for it.
  const frame = async () => {
    for (let count = 0; count < 4; count++) await next();
  };
  const option = (step) => one(`[role=option][data-step="${step}"]`);
  const sourceTokens = () => [...one(".passage.source .flow").querySelectorAll(".token")];
  const lit = () => sourceTokens().flatMap((token, position) => (token.matches(".lit") ? [[position, token.className.match(/\b[sd](\d+)\b/)[1]]] : []));
  const panel = () => all(".contributors li").map((item) => [item.querySelector("bdi").textContent, item.querySelector(".value").textContent]);
  const pointer = (target, kind, pointerType = "mouse") => target.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerType }));
  const key = (name, target = document.activeElement) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const announced = () => byId("announcer").textContent;
  const selected = () => all("[aria-selected=true][data-step]").map((token) => Number(token.dataset.step));
  const chosen = () => one(".chosen-token").textContent;
  const passage = (role) => one(`.passage.${role} .flow`).textContent;
  // `[row label, [numbers of the columns in sight]]` of every row in sight.
  const matrix = (id = "matrix") =>
    all(`#${id} .row:not(.group)`).map((row) => [row.querySelector(".label").textContent, [...row.querySelectorAll(".cell")].map((cell) => cell.textContent)]);
  const set = async (id, value) => {
    byId(id).value = value;
    byId(id).dispatchEvent(new Event("input", { bubbles: true }));
    await frame();
  };
  const open = async (index) => {
    location.hash = `#text-${index}`;
    await frame();
    await frame();
  };

  await frame();
  seen.selectedAtFirst = selected();
  seen.announcedAtFirst = announced();
  seen.passages = [passage("source"), passage("generated")];
  seen.heads = all("#matrix .head").map((head) => head.textContent);
  seen.matrix = matrix();
  seen.groups = all("#matrix .row.group").map((row) => row.textContent);
  seen.strongest = all("#matrix .row.source .cell").sort((a, b) => b.textContent - a.textContent)[0].className;

  option(2).click();
  seen.afterClick = { selected: selected(), lit: lit(), panel: panel(), announced: announced(), steps: one(".step-scores").textContent };
  seen.color = getComputedStyle(sourceTokens()[2]).backgroundColor;
  seen.cellColor = getComputedStyle(one('#matrix .row[aria-rowindex="5"] .cell[aria-colindex="4"]')).backgroundColor;

  pointer(option(4), "pointerover");
  seen.hover = chosen();
  byId("passages").dispatchEvent(new PointerEvent("pointerleave"));
  seen.afterHover = chosen();
  pointer(option(4), "pointerover", "touch");
  seen.touchDoesNotHover = chosen();

  option(2).focus();
  key("ArrowRight");
  seen.right = { selected: selected(), focus: Number(document.activeElement.dataset.step), announced: announced() };
  key("End");
  seen.end = selected();
  key("ArrowRight");
  seen.pastTheEnd = selected();
  key("Escape");
  seen.escape = { selected: selected(), hidden: byId("panel").hidden, lit: lit().length };

  pointer(one("#matrix .cell"), "pointerover");
  seen.readout = byId("readout").textContent;
  seen.marked = all("#matrix .on").length;
  one('#matrix .cell[aria-colindex="3"]').click();
  seen.cellClick = selected();
  byId("matrix").focus();
  key("ArrowRight", byId("matrix"));
  key("ArrowDown", byId("matrix"));
  seen.gridKeys = [byId("readout").textContent, byId("matrix").getAttribute("aria-activedescendant")];
  seen.gridSize = [byId("matrix").ariaRowCount, byId("matrix").ariaColCount];

  // What is downloaded is taken where it is made: reading it back would be waited for on another clock.
  let downloaded = null;
  window.Blob = class {
    constructor(parts) {
      downloaded = parts.join("");
    }
  };
  URL.createObjectURL = () => "data:,";
  one("[data-download=csv]").click();
  seen.csv = downloaded;
  one("[data-download=json]").click();
  seen.json = JSON.parse(downloaded);

  await set("threshold", "50");
  seen.aboveHalf = all("#matrix .row:not(.steps) .cell").filter((cell) => cell.textContent !== "").length;
  await set("threshold", "0");
  await set("scaling", "rescale");
  seen.rescaled = byId("scale-max").textContent;
  byId("restore").click();
  await frame();
  seen.reset = [byId("scale-max").textContent, byId("threshold").value];

  byId("tab-links").click();
  await frame();
  seen.links = all("#links path").length;
  one('#links button[data-step="3"]').click();
  seen.linkClick = selected();
  seen.linksOn = all("#links path.on").length;
  byId("tab-matrix").click();

  seen.found = [byId("found").textContent];
  await set("search", "المتعبة");
  seen.found.push(byId("found").textContent, all("#texts li:not([hidden])").length);
  await set("search", "");
  byId("next").click();
  await frame();
  await frame();
  seen.second = [passage("generated"), one("#texts [aria-current]").textContent];
  option(1).focus();
  key("ArrowLeft");
  seen.leftIsForwardInArabic = selected();

  // The text with layers and heads.
  await open(3);
  seen.axes = all("#axes input").map((input) => [input.dataset.axis, input.max]);
  one("[data-download=json]").click();
  seen.standard = JSON.parse(downloaded);
  await set("axis-0", "2");
  await set("axis-1", "5");
  await set("scaling", "none");
  one("[data-download=json]").click();
  seen.oneHead = JSON.parse(downloaded);
  await set("axis-0", "-1");
  await set("axis-1", "-1");
  await set("function", "max");
  one("[data-download=json]").click();
  seen.largest = JSON.parse(downloaded);
  byId("restore").click();
  await frame();
  option(0).click();
  byId("tab-axes").click();
  await frame();
  await set("axis", "head");
  seen.byHead = matrix("axis-matrix")[0];
  byId("tab-matrix").click();
  await set("other", "0");
  seen.misfit = !byId("misfit").hidden;

  // The first text less its twin.
  await open(0);
  await set("other", "4");
  await frame();
  one("[data-download=json]").click();
  seen.difference = JSON.parse(downloaded);
  seen.diverges = all("#matrix .row.source .cell").every((cell) => /\bd\d+/.test(cell.className));

  await open(2);
  seen.hostile = [passage("generated"), all("main script, main img").length];
  await open(5);
  const long = byId("matrix");
  seen.longRows = Number(long.ariaRowCount);
  seen.cellsOfLong = all("#matrix .cell").length;
  long.scrollTop = long.scrollHeight;
  long.scrollLeft = long.scrollWidth;
  // Browsers tell of scrolling with the next frame.
  long.dispatchEvent(new Event("scroll"));
  await frame();
  await frame();
  seen.lastCell = all("#matrix .row").at(-1).querySelectorAll(".cell").length > 0 && one(`#matrix .cell[aria-colindex="${long.ariaColCount}"]`) !== null;

  dispatchEvent(new Event("beforeprint"));
  seen.printed = [all("#paper table").length, all("#paper td").length];
  dispatchEvent(new Event("afterprint"));
  seen.printedAfter = all("#paper table").length;

  seen.grounds = [];
  for (let press = 0; press < 3; press++) {
    byId("theme").click();
    seen.grounds.push([document.documentElement.dataset.theme ?? "auto", getComputedStyle(document.documentElement).backgroundColor]);
  }
  seen.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  seen.unnamed = all("button, input, select").filter((control) => !control.textContent.trim() && !control.ariaLabel && !control.labels?.length).map((control) => control.outerHTML);

  const output = document.createElement("pre");
  output.id = "seen";
  output.textContent = JSON.stringify(seen);
  document.body.append(output);
})();
