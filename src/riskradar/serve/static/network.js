// Two dates of the multi-layer graph beside each other; a slider moves date A through the weeks, and every list follows.
import { api, day, element, fetched, plain, press, script, share } from "./shared.js";
import { NONE, Ring, seats, sectorOf } from "./ring.js";

const RED = 20; // stressed pairs
const LISTED = 10;
const CHAINS = 3; // of each layer
const $ = (id) => document.getElementById(id);
const section = $("network");
const graphs = new Map(); // by date, as far as they were fetched
const asked = { a: null, b: null };
const shown = { a: null, b: null };
const drawn = { a: "", b: "" }; // what each ring shows, so that the one that stays is not drawn again
let strip = null;
let rings = null;
let off = new Set(); // layers switched off
let chosen = "";
let from = ""; // the date and the name whose chains are shown
let soon = 0;
let red = "new";
let timer = 0;

const graph = async (date, side) => {
  if (graphs.has(date)) return graphs.get(date);
  asked[side]?.abort();
  asked[side] = new AbortController();
  const found = await fetched(api(`/network/${date}`), asked[side].signal);
  if (graphs.size > 60) graphs.delete(graphs.keys().next().value);
  graphs.set(date, found);
  return found;
};

// Layers drawn over each other: one pair for all of its layers that are switched on.
const paired = (found) => {
  const pairs = new Map();
  for (const edge of found.edges) {
    if (off.has(edge.layer)) continue;
    const [source, target] = edge.source < edge.target ? [edge.source, edge.target] : [edge.target, edge.source];
    const key = JSON.stringify([source, target]);
    const pair = pairs.get(key) ?? { key, source, target, weight: 0, names: new Map() };
    pair.weight += edge.weight;
    pair.names.set(edge.layer, edge.weight);
    pair.layers = pair.names.size;
    pairs.set(key, pair);
  }
  return pairs;
};

const members = (found) => found.nodes.filter((node) => node.member);
const between = (pair, sector) => sector.get(pair.source) !== sector.get(pair.target) || sector.get(pair.source) === NONE;
const heavier = (x, y) => y.layers - x.layers || y.weight - x.weight;

// Layers of which only a part of the edges was sent, on one of the dates.
const parted = () => shown.a.layers.concat(shown.b.layers).filter((layer) => layer.given < layer.edges && !off.has(layer.layer));

// Pairs between sectors: those in most layers first, then the heaviest, then those of the names that gained most links.
const stressed = (pairs, other, sector) => {
  if (red === "new" && parted().length) return [];
  const gain = new Map();
  const tally = (all, sign) => all.forEach(({ source, target }) => [source, target].forEach((name) => gain.set(name, (gain.get(name) ?? 0) + sign)));
  tally(pairs, 1);
  tally(other, -1);
  const gained = (pair) => gain.get(pair.source) + gain.get(pair.target);
  return [...pairs.values()].filter((pair) => between(pair, sector) && (red === "strong" || !other.has(pair.key))).sort((x, y) => heavier(x, y) || gained(y) - gained(x) || x.key.localeCompare(y.key));
};

// Layers of a pair, with the weight where it is not the same for every edge.
const joined = (pair) => [...pair.names].map(([layer, weight]) => (weight === 1 ? layer : `${layer} ${plain(weight)}`)).join(", ");

const row = (...cells) => {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
};

const listPairs = (top, pairs, other, sector) => {
  const lost = [...other.values()].filter((pair) => between(pair, sector) && !pairs.has(pair.key)).length;
  const fresh = stressed(pairs, other, sector).length;
  const part = parted().length > 0;
  $("pairs-title").textContent = red === "strong" ? "Heaviest pairs between sectors" : part ? "What is new on A is undefined here" : `${fresh} pairs between sectors are joined on A and not on B`;
  $("pairs-said").textContent = part ? "Only a part of the edges is drawn: a pair that is missing on a date may still be joined." : red === "new" ? `The other way round: ${lost}. Those in most layers first, then of the names that gained most links.` : "Those in most layers first.";
  const rows = top.slice(0, LISTED).map((pair) => {
    const name = element("th", `${pair.source} \u2013 ${pair.target}`);
    name.scope = "row";
    return row(name, element("td", `${sector.get(pair.source)}, ${sector.get(pair.target)}`, "mut"), element("td", joined(pair)), element("td", other.has(pair.key) ? joined(other.get(pair.key)) : part ? "not drawn" : "not joined", other.has(pair.key) ? "" : "und"));
  });
  if (!rows.length) { const none = element("td", "no such pair", "und"); none.colSpan = 4; rows.push(row(none)); }
  $("pairs").replaceChildren(...rows);
};

const neighbours = (pairs) => [...pairs.values()].filter((pair) => pair.source === chosen || pair.target === chosen).sort((x, y) => heavier(x, y) || x.key.localeCompare(y.key));
const partner = (pair) => (pair.source === chosen ? pair.target : pair.source);
const listed = (pairs, most) => pairs.slice(0, most).map(partner).join(", ") + (pairs.length > most ? ` and ${pairs.length - most} more` : "");

const showAsset = (sides) => {
  const node = shown.a.nodes.find((each) => each.asset === chosen);
  $("asset-title").textContent = chosen;
  $("asset-said").textContent = node ? `${sectorOf(node)}, ${node.kind}${node.member ? "" : "; not a member on A"}` : "";
  const cell = (text, none) => element("td", text || none, text ? "n" : "n und");
  const part = parted().length ? ", of the edges drawn" : "";
  const lines = [[`Names joined${part}`, (side) => `${side.near.length} of ${members(side.found).length - 1}`], ["Closest", (side) => listed(side.near, 3)], ["Only on this date", (side) => part ? "undefined" : listed(side.near.filter((pair) => !side.other.has(pair.key)), 6)]];
  for (const { layer } of shown.a.layers) lines.push([`Links, ${layer}`, (side) => String(side.found.nodes.find((each) => each.asset === chosen)?.degree[layer] ?? "")]);
  const here = sides.map((side, k) => ({ ...side, near: neighbours(side.pairs), other: sides[1 - k].pairs }));
  $("asset-rows").replaceChildren(...lines.map(([title, tell]) => {
    const head = element("th", title);
    head.scope = "row";
    return row(head, ...here.map((side) => cell(tell(side), "none")));
  }));
};

// Chains of several edges; those of one edge are the closest names.
const showChains = async () => {
  const [date, name] = [shown.a.as_of, chosen];
  if (from === `${date} ${name}`) return;
  from = `${date} ${name}`;
  const told = shown.a.nodes.some((node) => node.asset === name && node.member);
  let found = { layers: [], meaning: "Not a member on A: no chain begins there." };
  try {
    if (told) found = await fetched(api(`/network/${date}/paths?${new URLSearchParams({ source: name })}`));
  } catch (error) {
    found.meaning = error.message;
  }
  if (from !== `${date} ${name}`) return;
  const rows = found.layers.flatMap(({ layer, onward }) => onward.slice(0, CHAINS).map((path, k) => {
    const head = element("th", k ? "" : layer);
    head.scope = "row";
    return row(head, element("td", path.assets.join(" \u203a ")), element("td", share(path.strength), "n"));
  }));
  $("chains").replaceChildren(...rows);
  $("chains-said").textContent = `${rows.length || !told ? "" : "No chain of several edges is stronger than a single one. "}${found.meaning[0].toUpperCase()}${found.meaning.slice(1)}${found.meaning.endsWith(".") ? "" : "."}`;
};

const count = (side, found, pairs) => {
  const n = members(found).length;
  const all = (n * (n - 1)) / 2;
  const cut = found.layers.some((layer) => layer.given < layer.edges && !off.has(layer.layer));
  $(`count-${side}`).textContent = all ? `${pairs.size}${cut ? " drawn," : ""} of ${all} pairs` : "no pair of members";
};

const draw = () => {
  if (!shown.a || !shown.b || !rings) return;
  const sides = ["a", "b"].map((side) => ({ side, found: shown[side], pairs: paired(shown[side]) }));
  const [a, b] = sides.map(({ pairs }) => pairs);
  const all = shown.a.nodes.filter((node) => node.member || shown.b.nodes.some((each) => each.asset === node.asset && each.member));
  const sector = new Map(shown.a.nodes.map((node) => [node.asset, sectorOf(node)]));
  const seating = seats(all);
  if (!seating.angle.has(chosen)) chosen = all[0]?.asset ?? "";
  const top = { a: stressed(a, b, sector), b: red === "strong" ? stressed(b, a, sector) : [] };
  for (const { side, found, pairs } of sides) {
    const stress = new Set(top[side].slice(0, RED).map((pair) => pair.key));
    const state = JSON.stringify([found.as_of, [...off], chosen, [...stress], all.map((node) => node.asset)]);
    if (state !== drawn[side]) rings[side].draw({ nodes: all, pairs: [...pairs.values()], red: stress, chosen, seating });
    drawn[side] = state;
    count(side, found, pairs);
  }
  const left = parted();
  $("more").textContent = left.length ? `${left[0].given} of ${left[0].edges} edges of ${left[0].layer} are drawn` : "";
  listPairs(top.a, a, b, sector);
  pick(all);
  showAsset(sides);
  clearTimeout(soon);
  soon = setTimeout(showChains, 150);
  section.dataset.drawn = `${shown.a.as_of} ${shown.b.as_of} ${[...off].join(",")}`;
};

const pick = (all) => {
  const names = all.map((node) => node.asset).sort();
  const box = $("asset");
  if (box.options.length !== names.length || names.some((name, k) => box.options[k].value !== name)) box.replaceChildren(...names.map((name) => element("option", name)));
  box.value = chosen;
};

const showLayers = () => {
  const told = shown.a.layers.map((layer) => {
    const label = element("label", "", "layer");
    const box = element("input");
    box.type = "checkbox";
    box.checked = !off.has(layer.layer);
    box.addEventListener("change", () => { if (box.checked) off.delete(layer.layer); else off.add(layer.layer); draw(); });
    label.title = layer.about;
    label.append(box, element("span", layer.layer));
    return label;
  });
  const gone = Object.entries(shown.a.absent).map(([name, reason]) => {
    const label = element("span", "", "layer no");
    label.title = reason;
    label.append(element("span", "", "hatch"), element("span", `${name}: absent`));
    return label;
  });
  $("layers").replaceChildren(...told, ...gone);
};

const say = (text) => { $("said").textContent = text; };

// Where a date stands among the weeks of the strip.
const weekOf = (date) => {
  const place = strip.dates.findIndex((each) => each >= date);
  return place < 0 ? strip.dates.length - 1 : place;
};

const years = () => {
  const [from, to] = [Date.parse(strip.dates[0]), Date.parse(strip.dates.at(-1))];
  const first = Number(strip.dates[0].slice(0, 4)) + 1;
  const last = Number(strip.dates.at(-1).slice(0, 4));
  const step = Math.ceil((last - first + 1) / 8);
  for (let year = first; year <= last; year += step) {
    const label = element("span", String(year));
    label.style.left = `${(100 * (Date.parse(`${year}-01-01`) - from)) / (to - from)}%`;
    $("years").append(label);
  }
};

const follow = (side, date) => {
  if (!strip) return;
  const week = weekOf(date);
  const names = Object.keys(strip.measures);
  document.querySelectorAll(`[data-${side}]`).forEach((cell) => {
    const value = strip.measures[names[cell.dataset[side]]][week];
    cell.textContent = value === null ? "not known" : plain(value);
  });
  if (side === "a") { $("range").value = week; $("shown").textContent = day(date); $("range").setAttribute("aria-valuetext", day(date)); }
  const line = document.querySelector(".spk svg");
  if (!line) return;
  const box = line.getBoundingClientRect();
  const frame = $("topo").getBoundingClientRect();
  const [from, to] = [Date.parse(strip.dates[0]), Date.parse(strip.dates.at(-1))];
  $(`cursor-${side}`).style.left = `${box.left - frame.left + (box.width * (Date.parse(date) - from)) / (to - from)}px`;
};

const move = async (side, date) => {
  $(`date-${side}`).value = date;
  follow(side, date);
  $(`asset-${side}`).textContent = `${side.toUpperCase()}, ${day(date)}`;
  try {
    const found = await graph(date, side);
    if ($(`date-${side}`).value !== date) return;
    shown[side] = found;
    say("");
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
    return;
  }
  if (side === "a") $("json").href = api(`/network/${date}`);
  if (!$("layers").children.length) showLayers();
  draw();
  history.replaceState(null, "", address());
};

const address = () => {
  const query = new URLSearchParams(location.search);
  query.set("a", $("date-a").value);
  query.set("b", $("date-b").value);
  return `?${query}`;
};

const choose = (name) => { chosen = name; draw(); };

const play = () => {
  const on = !timer;
  $("play").textContent = on ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", String(on));
  if (!on) { clearInterval(timer); timer = 0; return; }
  timer = setInterval(() => {
    const next = Number($("range").value) + 1;
    if (next >= strip.dates.length) play();
    else if (!document.hidden) move("a", strip.dates[next]);
  }, 400);
};

const start = async () => {
  const query = new URLSearchParams(location.search);
  const end = section.dataset.end;
  const before = `${Number(end.slice(0, 4)) - 1}${end.slice(4)}`;
  const valid = (date, other) => (/^\d{4}-\d{2}-\d{2}$/.test(date ?? "") ? date : other);
  const loaded = Promise.all([script("/static/cytoscape.min.js"), fetched(api("/strip"))]);
  [, strip] = await loaded;
  $("range").max = strip.dates.length - 1;
  years();
  $("date-a").min = $("date-b").min = strip.dates[0];
  rings = { a: new Ring($("ring-a"), choose), b: new Ring($("ring-b"), choose) };
  await Promise.all([move("a", valid(query.get("a"), end)), move("b", valid(query.get("b"), before.endsWith("02-29") ? before.replace("29", "28") : before))]);
};

for (const side of ["a", "b"]) $(`date-${side}`).addEventListener("change", ({ target }) => target.value && move(side, target.value));
$("range").addEventListener("input", ({ target }) => move("a", strip.dates[target.value]));
$("play").addEventListener("click", play);
$("asset").addEventListener("change", ({ target }) => choose(target.value));
$("red").addEventListener("click", ({ target }) => {
  if (!target.dataset.red) return;
  red = target.dataset.red;
  press($("red"), target);
  $("red-said").textContent = red === "new" ? "between sectors, joined on A and not on B" : "the 20 heaviest between sectors";
  draw();
});
const again = () => { if (rings) { drawn.a = drawn.b = ""; rings.a.restyle(); rings.b.restyle(); draw(); } };
document.addEventListener("themed", again);
new ResizeObserver(() => { if (!rings) return; rings.a.graph.resize(); rings.b.graph.resize(); again(); for (const side of ["a", "b"]) follow(side, $(`date-${side}`).value); }).observe($("ring-a"));
start().catch((error) => say(error.message));
