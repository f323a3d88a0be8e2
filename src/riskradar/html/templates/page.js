"use strict";
// Draws the timeline from the figure in the page. Colours named "--token" are read from the style sheet, so a figure follows light and dark.
(() => {
  const figure = JSON.parse(document.getElementById("figure").textContent);
  const plot = document.getElementById("plot");
  const narrow = matchMedia("(max-width: 760px)");
  const style = getComputedStyle(document.documentElement);
  const coloured = (value) => {
    if (typeof value === "string") return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    if (Array.isArray(value)) return value.length && typeof value[0] === "object" && value[0] !== null ? value.map(coloured) : value;
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
    return value;
  };
  let chosen = 0;
  let range = figure.layout.xaxis.range;

  const draw = () => {
    const series = figure.series[chosen];
    const data = coloured(figure.data);
    data[0] = { ...data[0], y: series.y };
    const layout = coloured(figure.layout);
    layout.xaxis = { ...layout.xaxis, range: [...range], nticks: narrow.matches ? 5 : 13 };
    layout.margin = { ...layout.margin, r: narrow.matches ? 12 : 84 };
    layout.dragmode = narrow.matches ? false : "zoom";
    layout.annotations = layout.annotations.filter((note) => !(narrow.matches && note.name === "wide"));
    if (series.usual !== null) {
      const ink = coloured("--ink-3");
      layout.shapes = [...layout.shapes, { type: "line", xref: "paper", x0: 0, x1: 1, y0: series.usual, y1: series.usual, line: { color: ink, width: 1.2, dash: "4px,3px" } }];
      if (!narrow.matches) layout.annotations.push({ xref: "paper", x: 1, xanchor: "left", xshift: 6, y: series.usual, text: `usual ${series.said}`, showarrow: false, font: { size: 12, color: ink } });
    }
    document.getElementById("time-target").textContent = series.title;
    Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
  };
  const press = (button) => document.querySelectorAll("#zooms button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));

  plot.hidden = false;
  document.documentElement.classList.add("drawn");
  draw();
  plot.on("plotly_relayout", (change) => {
    if (change["xaxis.autorange"]) range = figure.layout.xaxis.range;
    else if (change["xaxis.range[0]"]) range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    else return;
    press(null);
  });
  document.querySelectorAll('input[name="target"]').forEach((input, place) => input.addEventListener("change", () => { chosen = place; draw(); }));
  document.querySelectorAll("#zooms button").forEach((button) => button.addEventListener("click", () => { range = [button.dataset.from, button.dataset.to]; press(button); draw(); }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  narrow.addEventListener("change", draw);
})();
