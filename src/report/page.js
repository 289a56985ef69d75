"use strict";
const data = JSON.parse(document.getElementById("contents").textContent);
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
/** Failures that stand above the table; the others are folded. */
const SHOWN_FAILURES = 8;
const MODELS = [...new Set(data.groups.map(group => group.model))];
/** Experiments that have a colour. Where there are more, the others are grey, as the last colour is. */
const COLOURED = data.palette.length - (data.groups.length > data.palette.length ? 1 : 0);

function element(name, attributes, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "g", "rect"].includes(name);
  const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function number(value) {
  if (typeof value !== "number" || !isFinite(value)) return value == null ? "" : String(value);
  if (value === 0 || Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e7 ? value.toExponential(3).replace(/\.?0+e/, "e") : String(+value.toPrecision(5));
}

function colour(group) {
  if (group >= COLOURED) return "#9a9a9a";
  const own = data.palette[group];
  // Black is not visible on a dark page.
  return own === "#000000" ? "var(--black)" : own;
}

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return s + "s";
  return s < 3600 ? Math.floor(s / 60) + "m " + s % 60 + "s" : Math.floor(s / 3600) + "h " + Math.floor(s / 60) % 60 + "m";
}

/** Mean and deviation. The deviation has two digits that count, and the mean ends where it does. */
function spread(score) {
  if (!score) return "";
  const { mean, sd, n, seeds } = score;
  const count = seeds > n ? `(n ${n} of ${seeds})` : `(n ${n})`;
  if (sd == null) return seeds > n ? `${number(mean)} ${count}` : number(mean);
  if (sd < 1e-5 || sd >= 1e7 || Math.abs(mean) >= 1e7) return `${number(mean)} ± ${number(sd)} ${count}`;
  const digits = Math.max(0, 1 - Math.floor(Math.log10(sd)));
  return `${mean.toFixed(digits)} ± ${sd.toFixed(digits)} ${count}`;
}

/** The settings that differ in some runs. */
function differing(runs) {
  return data.keys.filter(key => new Set(runs.map(run => String(run.config[key] ?? ""))).size > 1);
}

/** What tells each experiment from the others: where there are several models, its model too. */
const LABELS = [];
for (const model of MODELS) {
  const runs = data.runs.filter(run => run.model === model), keys = differing(runs);
  for (const { group, config } of runs) {
    const settings = keys.filter(key => config[key] != null).map(key => `${key}=${config[key]}`);
    LABELS[group] ??= [...(MODELS.length > 1 ? [model] : []), ...settings].join(" ") || data.groups[group].name;
  }
}
const label = group => LABELS[group];

const tip = $("tip");
function say(event, text) {
  tip.textContent = text;
  tip.style.display = "block";
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
}
function hush() { tip.style.display = "none"; }
/** A part of a picture that says what it is. */
function saying(made, text) {
  return Object.assign(made, { onmousemove: event => say(event, text), onmouseleave: hush });
}

/** A scale from values to pixels, with its ticks. */
function scale(values, low, high, log) {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) if (isFinite(value) && (!log || value > 0)) { min = Math.min(min, value); max = Math.max(max, value); }
  if (min > max) [min, max] = log ? [1, 10] : [0, 1];
  // A constant value is drawn in the middle, except 0: few scores go below it.
  if (min === max) [min, max] = log ? [min / 2, max * 2] : min === 0 ? [0, 1] : [min - Math.abs(min) / 2, max + Math.abs(max) / 2];
  const to = log ? Math.log10 : value => value;
  const place = value => low + (to(value) - to(min)) / (to(max) - to(min)) * (high - low);
  const ticks = [];
  if (log) {
    const powers = [];
    for (let power = Math.floor(Math.log10(min)); 10 ** power <= max * 1.0001; power++) powers.push(power);
    const parts = powers.length > 3 ? [1] : [1, 2, 5];
    for (const power of powers) for (const part of parts) {
      const tick = +(part * 10 ** power).toPrecision(12);
      if (tick >= min * .9999 && tick <= max * 1.0001) ticks.push(tick);
    }
  }
  if (ticks.length < 3) {
    ticks.length = 0;
    const rough = (max - min) / 6, unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * unit).find(n => n >= rough);
    for (let tick = Math.ceil(min / step) * step; tick <= max + step * 1e-9; tick += step) ticks.push(+tick.toPrecision(12));
  }
  return { place, ticks, holds: value => isFinite(value) && (!log || value > 0) };
}

/** The width of a letter of a picture, about. */
const LETTER = 6.2;
const cut = (text, most) => String(text).length > most ? String(text).slice(0, most - 1) + "…" : String(text);
/** Ticks that do not stand on one another: those too near to the one before are left out. */
function apart(ticks, least) {
  let last = -Infinity;
  return [...ticks].sort((a, b) => a[0] - b[0]).filter(([at]) => at - last >= least && ((last = at), true));
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [460, 280, 58, 34, 10, 12];
function axes(x, y, label, names) {
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const [at, tick] of apart(y.ticks.map(tick => [y.place(tick), tick]), 14)) {
    svg.append(element("line", { class: "mesh", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }),
      element("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, number(tick)));
  }
  const room = names ? Math.max(3, Math.floor((WIDTH - LEFT - RIGHT) / x.ticks.length / LETTER) - 1) : 14;
  const texts = x.ticks.map(tick => [x.place(tick), cut(names ? names[tick] : number(tick), room)]);
  const longest = Math.max(0, ...texts.map(([, text]) => text.length));
  for (const [at, text] of names ? texts : apart(texts, longest * LETTER + 4)) {
    svg.append(element("text", { x: Math.min(at, WIDTH - text.length * LETTER / 2), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, text));
  }
  svg.append(element("path", { class: "axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }));
  return svg;
}

/** An exponential moving average that begins without a bias. */
function smoothed(ys, share) {
  let average = 0, weight = 0;
  return ys.map(y => {
    average = share * average + (1 - share) * y;
    weight = share * weight + (1 - share);
    return average / weight;
  });
}

/** The points of a curve from left to right; of two at one step the last. */
function ordered(curve) {
  const at = new Map(curve.x.map((x, i) => [x, curve.y[i]]));
  return [...at].filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)).sort((a, b) => a[0] - b[0]);
}

/** The value of a curve at x, on a line between the points beside it, and for half a distance beyond its ends. */
function valueAt(points, x) {
  const after = points.findIndex(point => point[0] >= x), end = after < 0 ? points.length - 1 : after;
  if (points[end][0] === x) return points[end][1];
  if (after > 0) {
    const [[x0, y0], [x1, y1]] = [points[after - 1], points[after]];
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
  }
  const beside = points[after < 0 ? end - 1 : 1];
  const reach = beside ? Math.abs(beside[0] - points[end][0]) / 2 : Math.abs(points[end][0]) / 20;
  return Math.abs(x - points[end][0]) <= reach ? points[end][1] : null;
}

/** The mean and the standard deviation of several curves at the points of the longest. */
function band(curves) {
  const all = curves.map(ordered).filter(points => points.length);
  const longest = all.reduce((a, b) => (b.length > a.length ? b : a), []);
  return longest.map(([x]) => {
    const ys = all.map(points => valueAt(points, x)).filter(y => y !== null);
    const mean = ys.reduce((a, b) => a + b, 0) / ys.length;
    const sd = ys.length > 1 ? Math.sqrt(ys.reduce((a, y) => a + (y - mean) ** 2, 0) / (ys.length - 1)) : 0;
    return { x, mean, sd, n: ys.length };
  });
}

function line(points, x, y) {
  let path = "", pen = "M";
  for (const [a, b] of points) {
    if (!x.holds(a) || !y.holds(b)) { pen = "M"; continue; }
    path += pen + x.place(a).toFixed(1) + " " + y.place(b).toFixed(1);
    pen = "L";
  }
  return path;
}

function chart(spec) {
  const share = +$("smooth").value, training = $("train").checked, banded = $("bands").checked;
  const light = curve => curve.phase === "train" || curve.phase === "epoch" || curve.phase === "floor";
  let curves = spec.curves.filter(curve => training || !light(curve));
  if (!curves.length) curves = spec.curves.filter(curve => curve.phase !== "floor");
  curves = curves.map(curve => ({ ...curve, y: share > 0 ? smoothed(curve.y, share) : curve.y, group: data.runs[curve.run].group }));
  const xs = curves.flatMap(curve => curve.x), ys = curves.flatMap(curve => curve.y);
  const x = scale(xs, LEFT, WIDTH - RIGHT, $("logx").checked);
  const y = scale(ys, HEIGHT - BOTTOM, TOP, $("logy").checked || spec.log);
  const svg = axes(x, y, spec.title);
  const drawn = [];
  const sets = new Map();
  for (const curve of curves) {
    const key = banded ? curve.group + "/" + curve.phase : curve.run + "/" + curve.phase;
    if (!sets.has(key)) sets.set(key, []);
    sets.get(key).push(curve);
  }
  // The best are drawn above the others.
  for (const set of [...sets.values()].sort((a, b) => b[0].group - a[0].group)) {
    const { group, phase, run } = set[0], points = band(set), own = colour(group);
    const name = (set.length > 1 ? "" : data.runs[run].name + ", ") + label(group) + ", " + phase;
    if (set.length > 1 && points.some(point => point.sd > 0)) {
      const upper = points.map(p => [p.x, p.mean + p.sd]), lower = points.map(p => [p.x, p.mean - p.sd]).reverse();
      const path = line([...upper, ...lower].filter(([a, b]) => x.holds(a) && y.holds(b)), x, y);
      if (path && group < COLOURED) svg.append(element("path", { d: path + "Z", fill: own, opacity: .15 }));
    }
    if (points.length === 1 || phase === "test") {
      for (const p of points) if (x.holds(p.x) && y.holds(p.mean)) svg.append(element("circle", { cx: x.place(p.x), cy: y.place(p.mean), r: 3.5, fill: "none", stroke: own, "stroke-width": 1.5 }));
    } else {
      const dash = phase === "epoch" ? "5 3" : phase === "floor" ? "1 3" : "none";
      const wide = phase === "train" ? 1 : 1.7;
      svg.append(element("path", { class: "curve", d: line(points.map(p => [p.x, p.mean]), x, y), fill: "none", stroke: own, "stroke-width": wide, "stroke-dasharray": dash, opacity: group < COLOURED ? 1 : .35 }));
    }
    for (const p of points) if (x.holds(p.x) && y.holds(p.mean)) drawn.push({ at: [x.place(p.x), y.place(p.mean)], text: `${name}: ${p.n > 1 ? spread(p) : number(p.mean)} at step ${number(p.x)}` });
  }
  const mark = element("circle", { r: 4, fill: "none", stroke: "var(--ink)", visibility: "hidden" });
  svg.append(mark);
  svg.addEventListener("mousemove", event => {
    const box = svg.getBoundingClientRect();
    const [px, py] = [(event.clientX - box.left) / box.width * WIDTH, (event.clientY - box.top) / box.height * HEIGHT];
    let best = null, distance = 900;
    for (const point of drawn) {
      const d = (point.at[0] - px) ** 2 + (point.at[1] - py) ** 2;
      if (d < distance) [best, distance] = [point, d];
    }
    mark.setAttribute("visibility", best ? "visible" : "hidden");
    if (!best) return hush();
    mark.setAttribute("cx", best.at[0]); mark.setAttribute("cy", best.at[1]);
    say(event, best.text);
  });
  svg.addEventListener("mouseleave", () => { mark.setAttribute("visibility", "hidden"); hush(); });
  return element("figure", { "data-chart": spec.name }, element("figcaption", {}, spec.label + " by step"), svg);
}

function curves() { $("charts").replaceChildren(...data.charts.map(chart)); }

/** The columns of the table: what is the same in every run is left out. */
function columns() {
  const fixed = [
    ["run", run => run.name], ["state", run => run.state],
    ["step", run => run.step], ["seed", run => run.seed],
    ...data.keys.map(key => [key, run => run.config[key]]),
    ...data.metrics.map(name => [name, run => run.metrics[name]]),
    ["best", run => run.best && run.best.value], ["seconds", run => run.seconds],
    ["started", run => run.started.slice(0, 19).replace("T", " ")],
    ["note", run => [...run.tags.map(tag => "#" + tag), run.note].join(" ").trim()],
  ];
  return fixed.filter(([name, of]) => name === "run" || data.runs.some(run => { const v = of(run); return v !== "" && v != null; }));
}

let order = { column: null, down: false };
const shownColumns = columns();
const OPERATORS = {
  "<": (a, b) => +a < +b, ">": (a, b) => +a > +b, "<=": (a, b) => +a <= +b, ">=": (a, b) => +a >= +b,
  // A number is written in many ways, and `true` is not a number.
  "=": (a, b) => String(a) === b || a !== "" && +a === +b, "!=": (a, b) => !OPERATORS["="](a, b),
};
/** The runs that the filter keeps, and the keys in it that no run has: those hide nothing. */
function filtered() {
  // Spaces round an operator do not end a word.
  const words = $("filter").value.replace(/\s*(<=|>=|!=|=|<|>)\s*/g, "$1").trim().split(/\s+/).filter(Boolean);
  const value = (run, name) => { const column = shownColumns.find(([own]) => own === name); return column ? column[1](run) : run.config[name]; };
  const unknown = [];
  const tests = words.map(word => {
    const parts = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/.exec(word);
    const has = value => String(value ?? "").toLowerCase().includes(word.toLowerCase());
    // The whole path too: a name is but its end.
    if (!parts) return run => has(run.run) || shownColumns.some(([, of]) => has(of(run)));
    const [, name, operator, other] = parts;
    if (data.runs.some(run => value(run, name) !== undefined)) return run => value(run, name) != null && OPERATORS[operator](value(run, name), other);
    unknown.push(name);
    return () => true;
  });
  return [data.runs.filter(run => tests.every(holds => holds(run))), unknown];
}

function table() {
  const [rows, unknown] = filtered();
  if (order.column !== null) {
    const of = shownColumns[order.column][1], sign = order.down ? -1 : 1;
    rows.sort((a, b) => {
      const [u, v] = [of(a), of(b)];
      if (u == null || v == null) return (u == null) - (v == null);
      return sign * (typeof u === "number" && typeof v === "number" ? u - v : String(u).localeCompare(String(v)));
    });
  }
  const head = shownColumns.map(([name], index) => {
    const arrow = order.column === index ? (order.down ? " ▾" : " ▴") : "";
    const cell = element("th", { tabindex: 0, "aria-sort": arrow ? (order.down ? "descending" : "ascending") : "none" }, name + arrow);
    const sort = () => { order = { column: index, down: order.column === index && !order.down }; table(); };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
    return cell;
  });
  const body = rows.map(run => element("tr", { title: run.path || run.run }, ...shownColumns.map(([name, of]) => {
    const value = of(run), cell = element("td", { class: typeof value === "number" ? "number" : value === "failed" ? "failed" : "" });
    if (name === "run") cell.append(element("span", { class: "key", style: "background:" + colour(run.group) }));
    cell.append(number(value));
    return cell;
  })));
  $("table").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
  $("count").textContent = `${rows.length} of ${counted(data.runs.length, "run")}` + unknown.map(name => `, no column ${name}`).join("");
}

/** What is drawn of a model: its score, the runs that have it, and the settings that differ in them. */
function scored(model) {
  const score = (data.objectives[model] || {}).name;
  const runs = data.runs.filter(run => run.model === model && typeof run.metrics[score] === "number");
  return { score, runs, keys: differing(runs), of: MODELS.length > 1 ? model + ": " : "" };
}

/** The score of each run against a setting. */
function scatter({ score, runs: all, of }, key) {
  const runs = all.filter(run => run.config[key] != null);
  const values = runs.map(run => run.config[key]);
  const numeric = values.every(value => typeof value === "number");
  const names = [...new Set(values)].map(String);
  const xs = numeric ? values : values.map(value => names.indexOf(String(value)));
  const [min, max] = [Math.min(...xs), Math.max(...xs)];
  const x = scale(xs, LEFT + 14, WIDTH - RIGHT - 14, numeric && min > 0 && max / min > 8);
  const y = scale(runs.map(run => run.metrics[score]), HEIGHT - BOTTOM - 6, TOP + 6, false);
  if (numeric && new Set(xs).size < 7) x.ticks = [...new Set(xs)];
  if (!numeric) x.ticks = names.map((_, index) => index);
  const svg = axes(x, y, score + " by " + key, numeric ? null : names);
  // The best are drawn above the others.
  for (const i of [...runs.keys()].sort((a, b) => runs[b].group - runs[a].group)) {
    const run = runs[i];
    const dot = element("circle", { cx: x.place(xs[i]), cy: y.place(run.metrics[score]), r: 4, fill: colour(run.group), opacity: .75 });
    svg.append(saying(dot, `${run.name}: ${key} ${number(run.config[key])}, ${score} ${number(run.metrics[score])}`));
  }
  return element("figure", {}, element("figcaption", {}, `${of}${score} by ${key}`), svg);
}

/** A line for each run through all settings to its score. */
function parallel({ score, runs, keys, of: title }) {
  const names = [...keys, score], of = (run, name) => name === score ? run.metrics[score] : run.config[name];
  // There is no room for the names of many axes side by side: they are shortened and slanted.
  const lean = names.length > 6, wide = 1200, top = lean ? 104 : 34, high = top + 286, left = 90, right = lean ? 150 : 90;
  const gap = (wide - left - right) / Math.max(names.length - 1, 1), at = index => left + index * gap;
  const room = Math.max(3, Math.min(14, Math.floor((gap - 12) / LETTER)));
  const svg = element("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": title + "parallel coordinates" });
  const scales = names.map(name => {
    const values = runs.map(run => of(run, name)), numeric = values.every(value => typeof value === "number");
    const kinds = [...new Set(values)].map(String);
    const ns = numeric ? values : values.map(value => kinds.indexOf(String(value)));
    const [min, max] = [Math.min(...ns), Math.max(...ns)];
    const own = scale(ns, high - 30, top, numeric && min > 0 && max / min > 8);
    const few = numeric ? [...new Set(ns)] : kinds.map((_, i) => i);
    return { place: run => own.place(numeric ? of(run, name) : kinds.indexOf(String(of(run, name)))), ticks: few.length < 9 ? few.map(n => [own.place(n), numeric ? number(n) : kinds[n]]) : own.ticks.map(n => [own.place(n), number(n)]) };
  });
  for (const run of [...runs].sort((a, b) => b.group - a.group)) {
    const path = scales.map((own, index) => (index ? "L" : "M") + at(index).toFixed(1) + " " + own.place(run).toFixed(1)).join("");
    const drawn = element("path", { d: path, fill: "none", stroke: colour(run.group), "stroke-width": run.group < COLOURED ? 1.6 : 1, opacity: run.group < COLOURED ? .8 : .3 });
    svg.append(saying(drawn, `${run.name}: ` + names.map(name => `${name} ${number(of(run, name))}`).join(", ")));
  }
  const end = name => name.split(".").pop(), alone = name => names.filter(other => end(other) === end(name)).length === 1;
  names.forEach((name, index) => {
    const x = at(index), turned = lean ? { "text-anchor": "start", transform: `rotate(-30 ${x} ${top - 12})` } : { "text-anchor": "middle" };
    svg.append(element("line", { class: "axis", x1: x, x2: x, y1: top - 4, y2: high - 26 }),
      element("text", { x, y: top - 12, ...turned }, cut(lean && alone(name) ? end(name) : name, 26)));
    for (const [y, text] of apart(scales[index].ticks, 11)) svg.append(element("text", { x: x - 6, y: y + 4, "text-anchor": "end" }, cut(text, room)));
  });
  return element("figure", {}, element("figcaption", {}, title + "all settings"), svg);
}

/** The best experiment of each model, over its seeds. */
function best() {
  for (const model of MODELS) {
    // The groups of a model are in their order, the best first.
    const index = data.groups.findIndex(group => group.model === model), group = data.groups[index], score = (data.objectives[model] || {}).name;
    if (group.value == null) continue;
    if (!$("best").children.length) $("best").append(element("h2", {}, "Best"));
    const scores = Object.entries(group.scores).filter(([name]) => !name.startsWith("train_")).map(([name, score]) => `${name} ${spread(score)}`);
    const which = label(index) === group.name ? group.name : `${label(index)} (${group.name})`;
    $("best").append(element("div", { class: "best" },
      element("p", { class: "big" }, `${MODELS.length > 1 ? model + ": " : ""}${score} ${spread(group.scores[score])}`),
      element("p", {}, which), element("p", { class: "scores" }, scores.join(" · "))));
  }
}

const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

function start() {
  $("title").textContent = data.title;
  const states = {};
  for (const run of data.runs) states[run.state] = (states[run.state] || 0) + 1;
  $("about").textContent = `${counted(data.runs.length, "run")} of ${counted(data.groups.length, "experiment")} (${Object.entries(states).map(([state, n]) => n + " " + state).join(", ")}), ${data.time}, tfm ${data.tfm}`;
  best();
  const failed = data.runs.filter(run => run.state === "failed").concat(data.failed);
  if (failed.length) {
    $("failed").append(element("h2", {}, failed.length === 1 ? "One run failed" : `${failed.length} runs failed`));
    const each = failed.map(run => element("details", {}, element("summary", {}, `${run.name}: ${run.reason}`), element("pre", {}, (run.log || []).join("\n"))));
    // Many would hide what has not failed.
    $("failed").append(...each.slice(0, SHOWN_FAILURES));
    if (each.length > SHOWN_FAILURES) $("failed").append(element("details", { id: "more-failed" }, element("summary", {}, `${each.length - SHOWN_FAILURES} more`), ...each.slice(SHOWN_FAILURES)));
  }
  table();
  $("filter").addEventListener("input", table);
  curves();
  for (const id of ["smooth", "logx", "logy", "bands", "train"]) $(id).addEventListener("input", curves);
  if (!data.charts.length) $("curves").remove();
  else $("legend").append(...data.groups.slice(0, COLOURED).map((_, index) => element("span", {}, element("span", { class: "key", style: "background:" + colour(index) }), label(index))));
  for (const drawn of MODELS.map(scored)) {
    $("scatter").append(...drawn.keys.map(key => scatter(drawn, key)));
    if (drawn.keys.length > 1) $("parallel").append(parallel(drawn));
  }
  if (!$("scatter").children.length) $("settings").remove();
  $("again").textContent = data.runs.map(run => `# ${run.name}: ${run.command}\n${run.again}`).join("\n");
  document.body.dataset.ready = "yes";
}
start();

// What is folded cannot be opened on paper.
const opened = [];
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach(one => { one.open = true; opened.push(one); }));
addEventListener("afterprint", () => opened.splice(0).forEach(one => { one.open = false; }));
