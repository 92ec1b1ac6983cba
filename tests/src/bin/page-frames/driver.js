// Works with the page as a reader does, one thing at a time, and writes down how long the longest frame was that came of it: from
// the end of the one before, less the time that a screen takes, to the first moment after it has been drawn.
(async () => {
  const byId = (id) => document.getElementById(id);
  const wait = (time) => new Promise((done) => setTimeout(done, time));
  // A message sent from a frame arrives after the frame's styles, layout and painting are done.
  const frame = (work) =>
    new Promise((done) =>
      requestAnimationFrame(() => {
        const start = performance.now();
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now() - start);
        work?.();
        port2.postMessage(null);
      }),
    );
  const measured = {};
  async function measure(name, count, work) {
    const times = [];
    for (let index = 0; index < count; index++) {
      let longest = await frame(() => work(index));
      // What the page does of itself afterwards, in tasks between frames, too.
      for (let later = 0; later < 4; later++) {
        const start = performance.now();
        await frame();
        longest = Math.max(longest, performance.now() - start - 1000 / 60);
      }
      times.push(longest);
    }
    measured[name] = times.sort((one, other) => one - other);
  }
  const input = (id, value) => {
    byId(id).value = value;
    byId(id).dispatchEvent(new Event("input", { bubbles: true }));
  };

  await wait(1500);
  const matrix = byId("matrix");
  await measure("scroll the matrix down", 60, (index) => (matrix.scrollTop = index * 90));
  await measure("scroll the matrix across", 60, (index) => (matrix.scrollLeft = index * 90));
  await measure("scroll the list of texts", 60, (index) => (byId("texts").scrollTop = index * 200));
  const options = document.querySelectorAll("[role=option]");
  await measure("point at generated tokens", 60, (index) => options[index].dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" })));
  await measure("choose generated tokens", 40, (index) => options[index].click());
  await measure("move the threshold", 19, (index) => input("threshold", String(index * 5)));
  await measure("change the scale", 12, (index) => input("scaling", ["normalize", "rescale", "standard"][index % 3]));
  await measure("contrast with another text", 10, (index) => input("other", String(index + 1)));
  byId("restore").click();
  await measure("search", 30, (index) => input("search", "winter garden bread".slice(0, 1 + (index % 19))));
  input("search", "");
  await measure("open texts", 40, (index) => (location.hash = `#text-${index * 5}`));
  await measure("change between matrix and links", 9, (index) => byId(index % 2 ? "tab-matrix" : "tab-links").click());
  await measure("open texts as links", 20, (index) => (location.hash = `#text-${index * 7 + 1}`));
  await measure("point at links", 30, (index) => document.querySelectorAll("#links button")[index].dispatchEvent(new PointerEvent("pointerover", { bubbles: true })));

  const at = (times, share) => times[Math.min(Math.floor(share * times.length), times.length - 1)].toFixed(1);
  const lines = ["| what the reader does | median ms | longest ms |", "|---|---:|---:|"];
  for (const [name, times] of Object.entries(measured)) lines.push(`| ${name} | ${at(times, 0.5)} | ${at(times, 1)} |`);
  await fetch("/", { method: "POST", body: lines.join("\n") });
})();
