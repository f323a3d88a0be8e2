// The timeline: fetched thinned, drawn when it comes into view, fetched finer when a part of it is chosen.
import { api, colour, fetched, narrow, press, script, share } from "./shared.js";

const POINTS = 500; // parts of a span, each with its lowest and highest value: about one a pixel
const SPLIT = 0.335;
const stage = document.getElementById("stage");
const plot = document.getElementById("plot");
const wait = document.getElementById("wait");
const title = document.getElementById("time-title");
const finding = title.textContent;
const zooms = document.getElementById("zooms");
const { model, target: headline } = stage.dataset;
let target = headline;
let range = null;
const whole = new Map(); // the whole history by target, as far as it was fetched
let line = null;
let asking = null;

const axis = () => ({ gridcolor: colour("--line"), zeroline: false, tickfont: { size: 12, color: colour("--ink-3") }, fixedrange: true });
const note = (x, y, text, more = {}) => ({ x, y, text, showarrow: false, align: "left", xanchor: "left", font: { size: 12, color: more.color || colour("--ink-2") }, ...more });
const years = (fall) => (fall.peak.slice(0, 4) === fall.trough.slice(0, 4) ? fall.peak.slice(0, 4) : `${fall.peak.slice(0, 4)}\u2013${fall.trough.slice(2, 4)}`);

// Labels over the falls that fit beside each other, the deepest first.
const labelled = (shown) => {
  const span = Date.parse(shown[1]) - Date.parse(shown[0]);
  const apart = (narrow.matches ? 0.16 : 0.055) * span;
  const placed = [];
  const inside = line.falls.filter((fall) => fall.trough >= shown[0] && fall.peak <= shown[1]).sort((a, b) => b.depth - a.depth);
  for (const fall of inside) {
    const from = Math.max(Date.parse(fall.peak), Date.parse(shown[0]));
    const middle = (from + Math.min(Date.parse(fall.trough), Date.parse(shown[1]))) / 2;
    if (placed.every((other) => Math.abs(other.middle - middle) > apart)) placed.push({ fall, middle });
  }
  return placed.map(({ fall, middle }) => note(new Date(middle).toISOString().slice(0, 10), 1, `<b>${years(fall)}</b><br>\u2212${share(fall.depth)}`, { yref: "paper", yshift: 4, xanchor: "center", yanchor: "bottom", align: "center", color: colour("--fall-ink") }));
};

const shapes = (shown, end) => {
  const block = { type: "rect", yref: "paper", y0: 0, y1: 1, line: { width: 0 }, layer: "below" };
  const found = line.falls.map((fall) => ({ ...block, x0: fall.peak, x1: fall.trough, fillcolor: colour("--fall") }));
  const least = (Date.parse(shown[1]) - Date.parse(shown[0])) / 500;
  for (const [from, until] of line.alarms) {
    const x1 = new Date(Math.max(Date.parse(until), Date.parse(from) + least)).toISOString().slice(0, 10);
    found.push({ ...block, layer: "above", x0: from, x1, y0: SPLIT - 0.056, y1: SPLIT - 0.03, fillcolor: colour("--alarm") });
  }
  if (line.sealed && line.sealed < end) found.push({ ...block, x0: line.sealed, x1: end, y1: SPLIT - 0.085, fillcolor: colour("--sunken") });
  if (line.usual.value !== null) found.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: line.usual.value, y1: line.usual.value, line: { color: colour("--ink-3"), width: 1.2, dash: "4px,3px" } });
  if (stage.dataset.mark) found.push({ type: "line", yref: "paper", x0: stage.dataset.mark, x1: stage.dataset.mark, y0: 0, y1: 1, line: { color: colour("--ink"), width: 1.4 } });
  return found;
};

const notes = (shown, end) => {
  const found = labelled(shown);
  const paper = { xref: "paper", xshift: 6 };
  if (!narrow.matches && line.usual.value !== null) found.push(note(1, line.usual.value, `usual ${share(line.usual.value)}`, paper));
  if (!narrow.matches && line.alarms.length) found.push(note(1, SPLIT - 0.043, "in alarm", { ...paper, yref: "paper", color: colour("--alarm") }));
  if (line.sealed && line.sealed < end && shown[1] > line.sealed) found.push(note(line.sealed > shown[0] ? line.sealed : shown[0], 0.04, "sealed half: what came is not told", { yref: "paper", xshift: 8, yanchor: "bottom", color: colour("--ink-3") }));
  found.push(note(0, 0, narrow.matches ? "below year high" : "index below its one-year high", { xref: "paper", yref: "paper", xshift: 6, yshift: 4, yanchor: "bottom" }));
  return found;
};

const traces = () => {
  const several = line.low.some((value) => value !== null);
  const base = { x: line.dates, mode: "lines" };
  const band = several ? [{ ...base, y: line.high, line: { width: 0 }, hoverinfo: "skip" }, { ...base, y: line.low, line: { width: 0 }, fill: "tonexty", fillcolor: colour("--score-soft"), hoverinfo: "skip" }] : [];
  const last = line.chance.length - 1;
  return [
    ...band,
    { ...base, y: line.chance, line: { color: colour("--score"), width: 1.4 }, hovertemplate: "%{y:.1%} chance<extra></extra>" },
    { x: [line.dates[last]], y: [line.chance[last]], mode: "markers", marker: { color: colour("--score"), size: 7 }, hoverinfo: "skip" },
    { ...base, y: line.below, yaxis: "y2", line: { color: colour("--ink-2"), width: 1.1 }, fill: "tozeroy", fillcolor: colour("--shade"), hovertemplate: "index %{y:.0%}<extra></extra>" },
  ];
};

const draw = () => {
  const end = line.dates.at(-1);
  const shown = range || [line.dates[0], end];
  const small = narrow.matches;
  const lowest = Math.min(-0.1, ...line.below.filter((value) => value !== null));
  const layout = {
    shapes: shapes(shown, end), annotations: notes(shown, end), showlegend: false, hovermode: "x unified", dragmode: small ? false : "zoom",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 44, r: small ? 10 : 86, t: 44, b: 26 }, font: { family: colour("--font"), size: 12, color: colour("--ink-2") },
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line-2"), font: { color: colour("--ink") } },
    xaxis: { ...axis(), fixedrange: false, showgrid: false, anchor: "y2", type: "date", hoverformat: "%-d %b %Y", range: shown, nticks: small ? 5 : 13 },
    yaxis: { ...axis(), domain: [SPLIT, 1], rangemode: "tozero", tickformat: ".0%", nticks: 6 },
    yaxis2: { ...axis(), domain: [0, SPLIT - 0.085], range: [1.05 * lowest, 0], tickformat: ".0%", nticks: 4 },
  };
  Plotly.react(plot, traces(), layout, { displayModeBar: false, responsive: true });
  stage.dataset.drawn = `${model} ${target} ${shown.join(" ")}`;
};

const say = (text) => { wait.textContent = text; wait.hidden = !text; };

const address = (wanted, span = {}) => api(`/timeline?${new URLSearchParams({ model, target: wanted, points: POINTS, ...span })}`);

// The other depths while nothing else is to be done, so that a choice is drawn at once.
const prepare = async () => {
  for (const { dataset } of document.querySelectorAll("#targets button:enabled")) {
    if (!whole.has(dataset.target)) whole.set(dataset.target, await fetched(address(dataset.target)).catch(() => null));
  }
};

const ask = async () => {
  asking?.abort();
  asking = new AbortController();
  try {
    if (range) line = await fetched(address(target, { start: range[0].slice(0, 10), end: range[1].slice(0, 10) }), asking.signal);
    else {
      if (!whole.get(target)) whole.set(target, await fetched(address(target), asking.signal));
      line = whole.get(target);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    Plotly.purge(plot);
    delete stage.dataset.drawn;
    return say(error.message);
  }
  say("");
  draw();
};

const zoom = (wanted, button) => {
  range = wanted;
  press(zooms, button);
  line = whole.get(target) ?? line;
  if (line) draw();
  if (range) ask();
};

const start = async () => {
  await script("/static/plotly-cartesian.min.js");
  await ask();
  prepare();
  plot.on?.("plotly_relayout", (change) => {
    if (change["xaxis.autorange"]) zoom(null, zooms.querySelector("button"));
    else if (change["xaxis.range[0]"]) zoom([change["xaxis.range[0]"], change["xaxis.range[1]"]], null);
  });
};

zooms.addEventListener("click", ({ target: button }) => {
  if (button.dataset.from !== undefined) zoom(button.dataset.from ? [button.dataset.from, button.dataset.to] : null, button);
});
document.getElementById("targets").addEventListener("click", ({ target: button }) => {
  if (!button.dataset.target) return;
  target = button.dataset.target;
  document.getElementById("time-said").textContent = `Fall of ${button.title.replace("\u2265\u202f", "")}`;
  title.textContent = target === headline ? finding : "The chance of this fall over time";
  press(document.getElementById("targets"), button);
  ask();
});
document.getElementById("model").addEventListener("change", ({ target: chosen }) => { // another row is another page: its record, terms and alarms too
  const query = new URLSearchParams(location.search);
  query.set("model", chosen.value);
  location.assign(`/?${query}#time`);
});
document.addEventListener("themed", () => line && draw());
narrow.addEventListener("change", () => line && draw());
new IntersectionObserver((seen, watcher) => {
  if (seen.some((entry) => entry.isIntersecting)) { watcher.disconnect(); start().catch((error) => say(error.message)); }
}, { rootMargin: "400px" }).observe(stage);
