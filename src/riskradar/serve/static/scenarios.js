// A scenario: sizes become the words of a shock, the server runs the line again, and what was stands beside what would be.
import { api, day, element, plain, run, share } from "./shared.js";

const MINUS = "\u2212";
const LOW = -3; // octaves around the usual, as the strips on the other pages
const HIGH = 4;
const INSET = 2;
const SVG = "http://www.w3.org/2000/svg";
const TRIES = 60; // of an answer that is still being made
const at = (id) => document.getElementById(id);
const page = at("scenario");
const { date, model, target } = page.dataset;
const dials = [...document.querySelectorAll("#dials input[type=range]")];
const buttons = [at("run"), at("reverse")];
let asking = null;

const INPUTS = { "node features": "what single names went through", graphs: "who moves with whom" };
const typeset = (text) => text.replace(/\b\d{4}-\d\d-\d\d\b/g, day).replace(/(^|[\s([])-(?=\d)/g, `$1${MINUS}`).replace(/(\d) %/g, "$1\u202f%");
const points = (value, digits = 1) => `${value > 0 ? "+" : ""}${value.toFixed(digits)}`.replace("-", MINUS);
const size = (dial, sign) => {
  const digits = Math.max(0, -Math.floor(Math.log10(Number(dial.step))));
  const value = Number(dial.value).toFixed(digits);
  return dial.dataset.signed === "1" && sign && Number(value) >= 0 ? `+${value}` : value;
};
const moved = (dial) => Number(dial.value) !== Number(dial.dataset.rest);
const words = (dial) => dial.dataset.before + size(dial, true) + dial.dataset.after;
const shocks = () => [
  ...(at("as-on").value ? [`as on ${at("as-on").value}`] : []),
  ...dials.filter(moved).map(words),
  ...(at("remove").value ? [`remove ${at("remove").value}`] : []),
];

const show = (dial) => {
  const text = moved(dial) ? (size(dial, true) + dial.dataset.after).replace("-", MINUS) : "as it was";
  dial.previousElementSibling.textContent = dial.dataset.signed === "1" || !moved(dial) ? text : `\u00d7${text}`;
  dial.setAttribute("aria-valuetext", text);
  dial.parentElement.classList.toggle("moved", moved(dial));
};

const mark = (name, attributes) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};
const place = (value, usual) => INSET + (100 - 2 * INSET) * Math.min(1, Math.max(0, (Math.log2(Math.max(value, 1e-9) / usual) - LOW) / (HIGH - LOW)));
const strip = (cell, before, after) => {
  const usual = Number(cell.dataset.usual);
  if (!usual || before === null) return cell.replaceChildren(element("span", "no multiple: no chance, or nothing usual", "und"));
  const said = after === null ? `${share(before)}, usually ${share(usual)}` : `from ${share(before)} to ${share(after)}, usually ${share(usual)}`;
  const made = mark("svg", { class: "strip", role: "img", "aria-label": said, width: "100%", height: 26 });
  const zero = place(usual, usual);
  made.append(mark("line", { class: "rail", x1: `${INSET}%`, x2: `${100 - INSET}%`, y1: "50%", y2: "50%" }));
  made.append(mark("line", { class: "base", x1: `${zero}%`, x2: `${zero}%`, y1: 5, y2: 21 }));
  if (after !== null) made.append(mark("line", { class: "link", x1: `${place(before, usual)}%`, x2: `${place(after, usual)}%`, y1: "50%", y2: "50%" }));
  made.append(mark("circle", { class: "ring", cx: `${place(before, usual)}%`, cy: "50%", r: 4.6 }));
  if (after !== null) made.append(mark("circle", { class: `own${after > before ? " hot" : ""}`, cx: `${place(after, usual)}%`, cy: "50%", r: 5.2 }));
  return cell.replaceChildren(made);
};

const row = (cells, numbers) => {
  const made = document.createElement("tr");
  cells.forEach((cell, k) => {
    const box = element(k ? "td" : "th", cell, numbers.includes(k) ? "n" : "");
    if (!k) box.scope = "row";
    made.append(box);
  });
  return made;
};
const figure = (value) => (value === null || value === undefined ? "undefined" : plain(value));

const chances = (targets) => {
  for (const line of document.querySelectorAll("#chances tbody tr")) {
    const { before, after } = targets[line.dataset.target] ?? { before: { probability: null }, after: { probability: null } };
    const [, picture, old, now] = line.children;
    strip(picture, before.probability, after.probability);
    old.textContent = before.probability === null ? "none" : share(before.probability);
    now.replaceChildren(element("b", after.probability === null ? "none" : share(after.probability), after.probability > before.probability ? "hot" : "q"));
  }
};

const list = (place, lines) => place.replaceChildren(...lines.map((line) => element("li", line)));

const beyond = (warnings) => {
  at("beyond").hidden = !warnings.length;
  const most = 3;
  const parts = [element("b", "Outside what the fit has seen. "), element("span", "Read the direction, not the digits.")];
  const lines = element("ul");
  list(lines, warnings.slice(0, most).map(typeset));
  parts.push(lines);
  if (warnings.length > most) {
    const rest = document.createElement("details");
    const more = element("ul");
    list(more, warnings.slice(most).map(typeset));
    rest.append(element("summary", `${warnings.length - most} more`), more);
    parts.push(rest);
  }
  at("beyond").replaceChildren(...parts);
};

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const draw = (answer) => {
  const { found, sentences } = answer;
  const lines = found.reverse ? sentences.slice(0, -1) : sentences;
  at("said").textContent = typeset(lines[0]);
  chances(found.rows[0].targets);
  beyond(found.warnings);
  const drivers = found.drivers.map((d) => row([INPUTS[d.input] ?? d.input.replaceAll("_", " "), d.input in INPUTS ? "" : figure(d.before), d.input in INPUTS ? "" : figure(d.after), d.probability === null ? "undefined" : points(100 * d.probability)], [1, 2, 3]));
  at("drivers").replaceChildren(...(drivers.length ? drivers : [row(["No input of this score moved", "", "", ""], [1, 2, 3])]));
  list(at("told"), lines.slice(1).map(typeset));
  const measures = Object.entries(found.measures).map(([name, m]) => row([name, figure(m.before), figure(m.after), m.unit], [1, 2]));
  const layers = Object.entries(found.layers).map(([name, l]) => row([`density of the ${name} graph`, figure(l.density[0]), figure(l.density[1]), `share of pairs; ${l.joined} joined, ${l.parted} parted`], [1, 2]));
  at("measures").replaceChildren(...measures, ...layers);
  at("notes").textContent = found.notes.map((note) => typeset(`${note[0].toUpperCase()}${note.slice(1)}.`)).join(" ");
  at("command").textContent = ["riskradar stress", quoted(run === "latest" ? answer.run : run), "--date", date, ...found.shocks.flatMap((shock) => ["--shock", quoted(shock)])].join(" ");
  at("rest").hidden = !found.shocks.length;
  if (found.reverse) at("smallest").textContent = typeset(sentences.at(-1));
};

// One question at a time; while the answer is still being made it is asked for again.
const ask = async (question, say) => {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  page.setAttribute("aria-busy", "true");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    for (let k = 0; k < TRIES; k += 1) {
      const answer = await fetch(api("/stress"), { method: "POST", signal, headers: { "content-type": "application/json", accept: "application/json" }, body: JSON.stringify({ date, model, target, ...question }) });
      const body = await answer.json();
      if (answer.ok) return body;
      if (answer.status !== 503) throw new Error(body.detail);
      await new Promise((done) => { setTimeout(done, 1000 * Number(answer.headers.get("retry-after") ?? 5)); });
      say("Still being made; a model that has to learn again takes minutes.");
    }
    throw new Error("The answer took too long; ask again later.");
  } finally {
    if (asking.signal === signal) {
      page.removeAttribute("aria-busy");
      buttons.forEach((button) => { button.disabled = false; });
    }
  }
};

const scenario = async (extra = {}) => {
  const place = extra.reverse ? at("smallest") : at("said");
  const say = (text) => { place.textContent = text; };
  const wanted = shocks();
  if (!wanted.length && !extra.reverse) return say("Nothing is changed yet: move a size, remove a name or repeat a session.");
  say(extra.reverse ? "Looking for the smallest shock\u2026" : "Running the line again\u2026");
  delete page.dataset.drawn;
  try {
    const answer = await ask({ shocks: wanted, ...extra }, say);
    if (!extra.reverse || wanted.length) draw(answer);
    else at("smallest").textContent = typeset(answer.sentences.at(-1));
    if (!extra.reverse && at("said").getBoundingClientRect().top < 0) at("found").scrollIntoView();
    page.dataset.drawn = [...wanted, extra.reverse ?? ""].join(" ");
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
  return undefined;
};

const press = (pressed) => document.querySelectorAll("#presets button").forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));
const set = (sizes, asOn) => {
  for (const dial of dials) {
    dial.value = sizes[dial.dataset.name] ?? dial.dataset.rest;
    show(dial);
  }
  at("as-on").value = asOn;
  at("remove").value = "";
};

at("presets").addEventListener("click", ({ target: button }) => {
  if (!button.dataset.sizes) return;
  set(JSON.parse(button.dataset.sizes), button.dataset.asOn);
  press(button);
  scenario();
});
at("dials").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!at("run").disabled) scenario();
});
at("dials").addEventListener("input", ({ target: field }) => {
  press(null);
  if (field.type === "range") show(field);
});
at("reset").addEventListener("click", () => {
  set({}, "");
  press(null);
  at("said").textContent = "Nothing is changed yet.";
});
at("reverse").addEventListener("click", () => scenario({ reverse: at("kind").value }));

dials.forEach(show);
for (const line of document.querySelectorAll("#chances tbody tr")) {
  const cell = line.children[1];
  strip(cell, cell.dataset.before === "" ? null : Number(cell.dataset.before), null);
}
page.dataset.drawn = "";
