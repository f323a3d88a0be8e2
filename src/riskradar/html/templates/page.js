"use strict";
// Draws the figures in the page. Colours named "--token" are read from the style sheet, so a figure follows light and dark.
(() => {
  const { timeline, charts } = JSON.parse(document.getElementById("figure").textContent);
  const narrow = matchMedia("(max-width: 760px)");
  const style = getComputedStyle(document.documentElement);
  const coloured = (value) => {
    if (typeof value === "string") return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    if (Array.isArray(value)) return value.length && typeof value[0] === "object" && value[0] !== null ? value.map(coloured) : value;
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
    return value;
  };
  const dressed = (layout, range, right) => {
    const made = coloured(layout);
    made.xaxis = { ...made.xaxis, range: [...range], nticks: narrow.matches ? 5 : 13 };
    made.margin = { ...made.margin, r: narrow.matches ? 12 : right };
    made.dragmode = narrow.matches ? false : "zoom";
    made.annotations = made.annotations.filter((note) => !(narrow.matches && note.name === "wide"));
    return made;
  };
  const react = (plot, data, layout) => Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
  const kept = (plot, home, hear) => plot.on("plotly_relayout", (change) => {
    if (change["xaxis.autorange"]) hear(home);
    else if (change["xaxis.range[0]"]) hear([change["xaxis.range[0]"], change["xaxis.range[1]"]]);
  });
  const again = (draw) => {
    draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    narrow.addEventListener("change", draw);
  };

  const drawTimeline = (figure) => {
    const plot = document.getElementById("plot");
    let chosen = 0;
    let range = figure.layout.xaxis.range;
    const draw = () => {
      const series = figure.series[chosen];
      const data = coloured(figure.data);
      data[0] = { ...data[0], y: series.y };
      const layout = dressed(figure.layout, range, 84);
      if (series.usual !== null) {
        const ink = coloured("--ink-3");
        layout.shapes = [...layout.shapes, { type: "line", xref: "paper", x0: 0, x1: 1, y0: series.usual, y1: series.usual, line: { color: ink, width: 1.2, dash: "4px,3px" } }];
        if (!narrow.matches) layout.annotations.push({ xref: "paper", x: 1, xanchor: "left", xshift: 6, y: series.usual, text: `usual ${series.said}`, showarrow: false, font: { size: 12, color: ink } });
      }
      document.getElementById("time-target").textContent = series.title;
      react(plot, data, layout);
    };
    const press = (button) => document.querySelectorAll("#zooms button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    plot.hidden = false;
    again(draw);
    kept(plot, range, (wanted) => { range = wanted; press(null); });
    document.querySelectorAll('input[name="target"]').forEach((input, place) => input.addEventListener("change", () => { chosen = place; draw(); }));
    document.querySelectorAll("#zooms button").forEach((button) => button.addEventListener("click", () => { range = [button.dataset.from, button.dataset.to]; press(button); draw(); }));
  };

  const drawChart = (chart) => {
    const plot = document.getElementById(`plot-${chart.name}`);
    const pick = document.getElementById(`pick-${chart.name}`);
    const said = document.getElementById(`said-${chart.name}`);
    let range = chart.layout.xaxis.range;
    const draw = () => {
      const choice = chart.choices[pick.selectedIndex];
      const write = (line) => (choice.percent || line.yaxis === "y2" ? "%{y:.1%}" : "%{y:.4~g}");
      const data = choice.lines.map((line) => ({ ...line, mode: "lines", x: chart.x, connectgaps: line.name === "by chance", hovertemplate: `${write(line)} ${line.name}<extra></extra>`, line: coloured(line.line) }));
      const layout = dressed(chart.layout, range, 12);
      layout.margin.l = 62;
      const title = (text) => ({ text, font: { size: 12, color: coloured("--ink-3") } });
      layout.yaxis = { ...layout.yaxis, title: title(choice.titles[0]), tickformat: choice.percent ? "~%" : "~g", ...(choice.percent ? { rangemode: "tozero" } : {}) };
      if (layout.yaxis2) layout.yaxis2.title = title(choice.titles[1]);
      if (said) said.textContent = choice.about;
      react(plot, data, layout);
    };
    plot.hidden = false;
    pick.parentElement.hidden = false;
    again(draw);
    kept(plot, range, (wanted) => { range = wanted; });
    pick.addEventListener("change", draw);
  };

  document.documentElement.classList.add("drawn");
  if (timeline) drawTimeline(timeline);
  charts.forEach(drawChart);
})();
