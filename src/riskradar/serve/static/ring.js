// A graph as a ring: every name has one seat for all dates, sectors beside each other, edges bent towards the middle.
import { colour, narrow } from "./shared.js";

const GROUPS = { Financials: 0, "Real Estate": 0, Industrials: 1, Materials: 1, Energy: 1, Utilities: 2, "Consumer Staples": 2, "Health Care": 2, "Communication Services": 3, "Information Technology": 3, "Consumer Discretionary": 3 };
const SHORT = { "Consumer Staples": "Staples", "Health Care": "Health", "Communication Services": "Media & telecom", "Information Technology": "Technology", "Consumer Discretionary": "Consumer disc." };
const GAP = 0.95; // seats left free between sectors
const APART = 0.13; // angle under which two sector names would touch: the second is left to the lists
const LABELS = 90; // names beyond which only the chosen one is written
const BENT = 700; // edges beyond which they are drawn straight, which is ten times as fast

export const NONE = "no sector";
export const sectorOf = (node) => node.sector ?? NONE;

// Known sectors in the order of their groups, others by name, those without one last.
export const seats = (nodes) => {
  const names = [...new Set(nodes.map(sectorOf))].sort((a, b) => (a === NONE) - (b === NONE) || (GROUPS[a] ?? 9) - (GROUPS[b] ?? 9) || a.localeCompare(b));
  const total = nodes.length + GAP * names.length;
  const angle = new Map();
  const sectors = [];
  let seat = 0;
  names.forEach((name, place) => {
    const inside = nodes.filter((node) => sectorOf(node) === name).sort((a, b) => (a.kind === "stock") - (b.kind === "stock") || a.asset.localeCompare(b.asset));
    const at = (position) => (position / total) * 2 * Math.PI - Math.PI / 2 - 0.36;
    sectors.push({ name, angle: at(seat + inside.length / 2), hue: name === NONE ? "--ink-3" : `--group-${(GROUPS[name] ?? place) % 4}` });
    inside.forEach((node) => { angle.set(node.asset, { angle: at(seat + 0.5), hue: sectors.at(-1).hue }); seat += 1; });
    seat += GAP;
  });
  return { angle, sectors };
};

const style = () => {
  const small = narrow.matches;
  const font = colour("--font");
  return [
    { selector: "node", style: { width: "data(size)", height: "data(size)", "background-color": "data(hue)", label: "data(label)", "font-family": font, "font-size": small ? 9.5 : 11, color: colour("--ink"), "text-valign": "center", "text-halign": "center", "text-margin-x": "data(dx)", "text-margin-y": "data(dy)", "text-rotation": "data(turn)", "overlay-opacity": 0, "z-index": 10 } },
    { selector: "node[?hollow]", style: { "background-color": colour("--surface"), "border-width": 1.4, "border-color": "data(hue)" } },
    { selector: "node[?fund]", style: { shape: "round-diamond" } },
    { selector: "node.sector", style: { width: 1, height: 1, "background-opacity": 0, "font-size": small ? 10.5 : 12.5, "font-weight": 600, color: "data(hue)", "text-wrap": "wrap", "text-max-width": small ? 62 : 92, "text-margin-x": 0, "text-margin-y": 0, "text-rotation": 0, events: "no" } },
    { selector: "edge", style: { width: "data(width)", "line-color": colour("--ink"), "line-opacity": "data(opacity)", "overlay-opacity": 0, events: "no", "z-index": 1, "curve-style": "haystack", "haystack-radius": 0 } },
    { selector: "edge[bend]", style: { "curve-style": "unbundled-bezier", "control-point-distances": "data(bend)", "control-point-weights": 0.5 } },
    { selector: "edge.own", style: { "line-color": colour("--score"), "line-opacity": 0.6, width: 1.4, "z-index": 3 } },
    { selector: "edge.red", style: { "line-color": colour("--alarm"), "line-opacity": 0.9, width: 1.7, "z-index": 4 } },
    { selector: "node.chosen", style: { "border-width": 3, "border-color": colour("--ink"), label: "data(name)" } },
  ];
};

export class Ring {
  constructor(box, choose) {
    this.box = box;
    this.graph = cytoscape({ container: box, layout: { name: "preset" }, userZoomingEnabled: false, userPanningEnabled: false, autoungrabify: true, boxSelectionEnabled: false, style: style() });
    this.graph.on("tap", "node", ({ target }) => { if (!target.hasClass("sector")) choose(target.data("name")); });
  }

  restyle() { this.graph.style(style()); }

  // pairs: { source, target, weight, layers }; red: keys of the pairs to stress; chosen: a name.
  draw({ nodes, pairs, red, chosen, seating }) {
    const small = this.box.clientWidth < 460;
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    const rx = width / 2 - (small ? 84 : 132);
    const ry = Math.min(height / 2 - (small ? 66 : 72), 1.12 * rx);
    const place = (angle, out = 0) => ({ x: width / 2 + (rx + out) * Math.cos(angle), y: height / 2 + (ry + out) * Math.sin(angle) });
    const degree = new Map(nodes.map((node) => [node.asset, 0]));
    pairs.forEach(({ source, target }) => { degree.set(source, degree.get(source) + 1); degree.set(target, degree.get(target) + 1); });
    const most = Math.max(1, ...degree.values());
    const many = nodes.length > LABELS;
    const made = nodes.map((node) => {
      const { angle, hue } = seating.angle.get(node.asset);
      const size = (small || many ? 5 : 7) + (many ? 3 : small ? 7 : 12) * Math.sqrt(degree.get(node.asset) / most);
      const off = size / 2 + (small ? 13 : 17) + 3.2 * Math.max(0, node.asset.length - 4);
      return {
        group: "nodes", classes: node.asset === chosen ? "chosen" : "", position: place(angle),
        data: { id: `n ${node.asset}`, name: node.asset, label: many ? "" : node.asset.slice(0, 14), size, dx: Math.cos(angle) * off, dy: Math.sin(angle) * off, turn: Math.cos(angle) < 0 ? angle + Math.PI : angle, hue: colour(hue), hollow: degree.get(node.asset) === 0, fund: node.kind !== "stock" },
      };
    });
    let written = -9;
    for (const sector of seating.sectors) {
      if (sector.angle - written < APART) continue;
      written = sector.angle;
      made.push({ group: "nodes", classes: "sector", selectable: false, position: place(sector.angle, (small ? 50 : 62) + (small ? 8 : 26) * Math.abs(Math.cos(sector.angle)) ** 3), data: { id: `s ${sector.name}`, name: sector.name, label: SHORT[sector.name] ?? sector.name.slice(0, 40), hue: colour(sector.hue), size: 1, dx: 0, dy: 0, turn: 0 } });
    }
    const heaviest = Math.max(1e-9, ...pairs.map((pair) => pair.weight));
    const faint = Math.min(0.22, 5 / Math.sqrt(1 + pairs.length));
    for (const pair of pairs) {
      const kind = red.has(pair.key) ? "red" : pair.source === chosen || pair.target === chosen ? "own" : "";
      const data = { id: `e ${pair.key}`, source: `n ${pair.source}`, target: `n ${pair.target}`, width: 0.5 + 0.7 * pair.layers * (pair.weight / heaviest), opacity: faint * pair.layers };
      if (pairs.length <= BENT) data.bend = this.bend(seating.angle.get(pair.source).angle, seating.angle.get(pair.target).angle, rx, ry);
      made.push({ group: "edges", classes: kind, data });
    }
    this.graph.batch(() => { this.graph.elements().remove(); this.graph.add(made); });
  }

  bend(p, q, rx, ry) {
    const [x0, y0, x1, y1] = [rx * Math.cos(p), ry * Math.sin(p), rx * Math.cos(q), ry * Math.sin(q)];
    const side = Math.sign((x1 - x0) * -y0 + (y1 - y0) * x0);
    const apart = Math.abs(Math.atan2(Math.sin(p - q), Math.cos(p - q))) / Math.PI;
    return side * Math.hypot((x0 + x1) / 2, (y0 + y1) / 2) * (0.25 + 0.75 * apart) || 0.1;
  }
}
