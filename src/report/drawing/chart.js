// Draws every <figure data-chart> from the JSON in #charts: axes, dots with error bars, fits with bands, hover, legend.
"use strict";
const NS = "http://www.w3.org/2000/svg", W = 660, H = 400, M = {left: 66, right: 16, top: 14, bottom: 50};
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#444444"];  // Okabe and Ito
const FIRST_SHOWN = 7;

const element = (name, attributes = {}, text) => {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const button = (text, pressed, onClick) => {
  const made = document.createElement("button");
  made.type = "button"; made.textContent = text; made.setAttribute("aria-pressed", pressed);
  made.addEventListener("click", () => onClick(made));
  return made;
};
const plain = v => v === null ? "–" : Math.abs(v) >= 1e4 || Number.isInteger(v) ? Math.round(v).toLocaleString("en")
  : Number(v.toPrecision(3)).toString();

// Tick values of an axis, about as many as `wanted`.
function ticks(low, high, log, wanted) {
  if (log) {
    const found = [], decades = Math.log10(high / low);
    const steps = decades > 6 ? [1] : decades > 2.5 ? [1, 3] : decades > 1 ? [1, 2, 5] : decades > 0.5 ? [1, 1.5, 2, 3, 4, 5, 7] : null;
    if (steps) {
      for (let d = Math.floor(Math.log10(low)); d <= Math.log10(high); d++)
        for (const s of steps) { const v = s * 10 ** d; if (v >= low * 0.999 && v <= high * 1.001) found.push(v); }
      return found;
    }
  }
  const raw = (high - low) / wanted, magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(s => s * magnitude >= raw) * magnitude;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function draw(figure, chart) {
  const state = {logX: true, logY: chart.logY, shown: chart.series.map((_, i) => i < FIRST_SHOWN)};
  const unit = chart.percent ? 100 : 1, sign = chart.percent ? " %" : "";
  const bar = document.createElement("div"), legend = document.createElement("div"), tip = document.createElement("div");
  bar.className = "bar"; legend.className = "legend"; tip.className = "tip"; tip.hidden = true;
  const title = document.createElement("figcaption"); title.textContent = chart.title;
  const toggle = key => made => { state[key] = !state[key]; made.setAttribute("aria-pressed", state[key]); render(); };
  const save = () => {
    const text = new XMLSerializer().serializeToString(figure.querySelector("svg"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "image/svg+xml"}));
    link.download = chart.title.replace(/[^\w.-]+/g, "-") + ".svg"; link.click();
  };
  bar.append(title, button("log x", state.logX, toggle("logX")), button("log y", state.logY, toggle("logY")),
             button("save SVG", false, save));
  const canvas = document.createElement("div"); canvas.className = "canvas";
  chart.series.forEach((series, i) => {
    const made = button(series.short, state.shown[i], b => {
      state.shown[i] = !state.shown[i]; b.setAttribute("aria-pressed", state.shown[i]); render();
    });
    made.title = series.name;
    made.style.setProperty("--colour", COLOURS[i % COLOURS.length]);
    legend.append(made);
  });
  if (chart.series.length > FIRST_SHOWN) {
    const note = document.createElement("small");
    note.textContent = `${chart.series.length} curves; ${FIRST_SHOWN} are shown at first, choose here: `;
    legend.prepend(note);
  }
  figure.append(bar, canvas, legend, tip);

  function render() {
    const shown = chart.series.map((s, i) => ({...s, colour: COLOURS[i % COLOURS.length]})).filter((_, i) => state.shown[i]);
    const positive = shown.flatMap(s => [...s.dots, ...s.line].map(d => d[0])).filter(n => n > 0);
    const smallest = Math.min(...positive, Infinity), largest = Math.max(...positive, 1);
    const hasBase = shown.some(s => s.dots.some(d => d[0] === 0));
    const first = isFinite(smallest) ? smallest : 1, zero = first / Math.sqrt(10);  // where n = 0 stands on a log axis
    const at = n => state.logX && n <= 0 ? zero : n;
    const left = state.logX ? (hasBase ? zero / 1.3 : first / 1.15) : 0, right = largest * (state.logX ? 1.1 : 1.03);
    const fitting = v => v !== null && (!state.logY || v > 0);
    // Bands may run far beyond the data: at most the data's own extent is added for them.
    const core = shown.flatMap(s => [...s.dots.flatMap(d => [d[1] - (d[2] || 0), d[1], d[1] + (d[2] || 0)]),
      ...s.line.map(d => d[1])]).concat(chart.levels).filter(fitting);
    const bands = shown.flatMap(s => s.line.flatMap(d => [d[2], d[3]])).filter(fitting);
    let low = Math.min(...core), high = Math.max(...core);
    const middles = shown.flatMap(s => [...s.dots, ...s.line].map(d => d[1])).filter(fitting);
    if (Math.min(...middles) >= 0) low = Math.max(low, 0);
    if (!core.length) { low = 0.1; high = 1; }
    const extent = high - low;
    if (state.logY) {
      low = Math.max(low, Math.min(...middles, high) / 2) / 1.08; high *= 1.08;
    } else {
      if (bands.length) { low = Math.max(Math.min(low, ...bands), low - extent); high = Math.min(Math.max(high, ...bands), high + extent); }
      const pad = 0.05 * (high - low) || 0.05; low = low >= 0 && low <= 0.35 * high ? 0 : low - pad; high += pad;
      if (chart.percent) high = Math.min(high, Math.max(1.02, Math.max(...core) + 0.01));  // room for 100 %, no more
    }
    const scale = (from, to, log, a, b) => log ? v => a + (b - a) * Math.log(v / from) / Math.log(to / from)
      : v => a + (b - a) * (v - from) / (to - from);
    const fx = scale(left, right, state.logX, M.left, W - M.right), x = n => fx(at(n));
    const fy = scale(low, high, state.logY, H - M.bottom, M.top);
    const y = v => Math.max(M.top, Math.min(H - M.bottom, fy(state.logY ? Math.max(v, low / 10) : v)));
    const svg = element("svg", {viewBox: `0 0 ${W} ${H}`, xmlns: NS, role: "img", "aria-label": chart.title,
      "font-family": "system-ui, sans-serif", "font-size": 13, fill: "#333"});
    svg.append(element("rect", {width: W, height: H, fill: "white"}));
    const nTicks = state.logX && largest < 2 * first ? (positive.length ? [largest] : []) : ticks(state.logX ? first * 0.999 : 0, right, state.logX, 8);
    if (state.logX && hasBase) nTicks.unshift(0);
    for (const n of nTicks) {
      svg.append(element("line", {x1: x(n), x2: x(n), y1: M.top, y2: H - M.bottom, stroke: "#E6E6E6"}));
      svg.append(element("text", {x: x(n), y: H - M.bottom + 19, "text-anchor": "middle"}, plain(n)));
    }
    for (const v of ticks(low * unit, high * unit, state.logY, 6)) {
      svg.append(element("line", {x1: M.left, x2: W - M.right, y1: y(v / unit), y2: y(v / unit), stroke: "#E6E6E6"}));
      svg.append(element("text", {x: M.left - 8, y: y(v / unit) + 4, "text-anchor": "end"}, plain(v)));
    }
    svg.append(element("text", {x: (M.left + W - M.right) / 2, y: H - 10, "text-anchor": "middle"}, chart.x));
    svg.append(element("text", {transform: `translate(17 ${(M.top + H - M.bottom) / 2}) rotate(-90)`, "text-anchor": "middle"},
      chart.y + (chart.percent ? " (%)" : "")));
    for (const level of chart.levels) if (fitting(level) && level >= low && level <= high)
      svg.append(element("line", {x1: M.left, x2: W - M.right, y1: y(level), y2: y(level), stroke: "#777", "stroke-dasharray": "2 4"}));
    const targets = [];
    const path = steps => "M" + steps.map(d => `${x(d[0]).toFixed(1)} ${y(d[1]).toFixed(1)}`).join("L");
    for (const s of shown) {
      const line = s.line.filter(d => fitting(d[1]) && (d[0] > 0 || !state.logX));
      const band = line.filter(d => d[2] !== null && d[3] !== null);
      if (band.length > 1) svg.append(element("path", {fill: s.colour, opacity: 0.14, d: path(band.map(d => [d[0], d[3]])) +
        "L" + path(band.map(d => [d[0], d[2]]).reverse()).slice(1) + "Z"}));
      const inside = line.filter(d => s.to === null || d[0] <= s.to);
      const beyond = s.to === null ? [] : line.filter(d => d[0] >= s.to);
      if (inside.length > 1) svg.append(element("path", {fill: "none", stroke: s.colour, "stroke-width": 1.8, d: path(inside)}));
      if (beyond.length > 1) svg.append(element("path", {fill: "none", stroke: s.colour, "stroke-width": 1.6, "stroke-dasharray": "6 4", d: path(beyond)}));
      const dots = s.dots.filter(d => fitting(d[1]));
      if (s.joined && dots.length > 1) svg.append(element("path", {fill: "none", stroke: s.colour, "stroke-width": 1.5, d: path(dots)}));
      for (const d of dots) {
        if (d[2]) svg.append(element("line", {x1: x(d[0]), x2: x(d[0]), y1: y(d[1] - d[2]), y2: y(d[1] + d[2]), stroke: s.colour, "stroke-width": 1.3}));
        svg.append(element("circle", {cx: x(d[0]), cy: y(d[1]), r: 4.2, fill: s.colour}));
        const error = d[2] ? ` ± ${plain(d[2] * unit)}` : "";
        targets.push([x(d[0]), y(d[1]), `${s.name}\n${chart.along} = ${plain(d[0])}: ${plain(d[1] * unit)}${error}${sign}${d[3] ? "\n" + d[3] : ""}`]);
      }
      for (const d of line) {
        const band = d[2] === null ? "" : ` [${plain(d[2] * unit)}, ${plain(d[3] * unit)}]`;
        targets.push([x(d[0]), y(d[1]), `${s.name}\nfit at ${chart.along} = ${plain(Number(d[0].toPrecision(3)))}: ${plain(d[1] * unit)}${sign}${band}`]);
      }
    }
    const mark = element("circle", {r: 7, fill: "none", stroke: "#333", visibility: "hidden"});
    svg.append(mark);
    svg.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect(), k = W / box.width;
      const px = (event.clientX - box.left) * k, py = (event.clientY - box.top) * k;
      let best = null, distance = 40;
      for (const target of targets) {
        const d = Math.hypot(target[0] - px, target[1] - py);
        if (d < distance) { best = target; distance = d; }
      }
      tip.hidden = best === null; mark.setAttribute("visibility", best ? "visible" : "hidden");
      if (!best) return;
      mark.setAttribute("cx", best[0]); mark.setAttribute("cy", best[1]);
      tip.textContent = best[2];
      const inFigure = figure.getBoundingClientRect();
      tip.style.left = `${Math.min(event.clientX - inFigure.left + 14, inFigure.width - tip.offsetWidth - 4)}px`;
      tip.style.top = `${event.clientY - inFigure.top + 14}px`;
    });
    svg.addEventListener("pointerleave", () => { tip.hidden = true; mark.setAttribute("visibility", "hidden"); });
    canvas.replaceChildren(svg);
  }
  render();
}

const charts = JSON.parse(document.getElementById("charts").textContent);
document.querySelectorAll("figure[data-chart]").forEach(figure => draw(figure, charts[figure.dataset.chart]));
