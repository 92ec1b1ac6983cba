// Elements, made and found.

export const root = document.documentElement;

export const byId = (id) => document.getElementById(id);

export function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// A token's text in a page of another language: nothing may translate it or reorder what is around it.
export function foreign(name, className, text) {
  const element = make(name, className, text);
  element.lang = "";
  element.translate = false;
  element.dir = "auto";
  return element;
}

const measure = document.createElement("canvas").getContext("2d");

// The width of the widest label in an element's font, in pixels.
export function widestOf(labels, style) {
  measure.font = `${style.fontSize} ${style.fontFamily}`;
  return labels.reduce((most, { mark, text }) => Math.max(most, measure.measureText(mark + text).width), 0);
}

// Calls at most once a frame, however often it is asked to.
export function onceAFrame(work) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      work();
    });
  };
}

// Calls once what has changed so far is on screen, in a frame of its own, however often it is asked to until then.
export const afterThisFrame = (work) => onceAFrame(() => setTimeout(work));

// Says something to a screen reader.
export function announce(words) {
  byId("announcer").textContent = words;
}
