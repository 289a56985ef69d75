"use strict";
const data = JSON.parse(document.getElementById("contents").textContent);
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
/** Failures that stand above the table; the others are folded. */
const SHOWN_FAILURES = 8;
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
  return size < 1e-3 || size >= 1e7 ? value.toExponential(3) : String(+value.toPrecision(5));
}

function colour(group) {
  if (group >= COLOURED) return "#9a9a9a";
  const own = data.palette[group];
  // Black is no colour on a dark page.
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
  const { mean, sd, n } = score;
  if (sd == null) return number(mean);
  if (sd < 1e-5 || sd >= 1e7 || Math.abs(mean) >= 1e7) return `${number(mean)} ± ${number(sd)} (n ${n})`;
  const digits = Math.max(0, 1 - Math.floor(Math.log10(sd)));
  return `${mean.toFixed(digits)} ± ${sd.toFixed(digits)} (n ${n})`;
}

/** What tells an experiment from the others. */
function label(group) {
  const { config } = data.runs.find(run => run.group === group);
  const differing = data.keys.filter(key => config[key] != null).map(key => `${key}=${config[key]}`);
  return differing.join(" ") || data.groups[group].name;
}

const tip = $("tip");
function say(event, text) {
  tip.textContent = text;
  tip.style.display = "block";
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
}
function hush() { tip.style.display = "none"; }

/** A scale from values to pixels, with its ticks. */
function scale(values, low, high, log) {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) if (isFinite(value) && (!log || value > 0)) { min = Math.min(min, value); max = Math.max(max, value); }
  if (min > max) [min, max] = [0, 1];
  if (min === max) [min, max] = log ? [min / 2, max * 2] : [min - 1, max + 1];
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

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [460, 280, 58, 34, 10, 12];
function axes(x, y, label, names) {
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const tick of y.ticks) {
    const at = y.place(tick);
    svg.append(element("line", { class: "mesh", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }),
      element("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, number(tick)));
  }
  for (const tick of x.ticks) {
    const text = names ? names[tick] : number(tick);
    if (text === undefined) continue;
    svg.append(element("text", { x: x.place(tick), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, String(text).slice(0, 14)));
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

/** Mean and deviation of curves at the places that several of them have. */
function band(curves) {
  const at = new Map();
  for (const curve of curves) curve.x.forEach((x, i) => { if (!at.has(x)) at.set(x, []); at.get(x).push(curve.y[i]); });
  const most = Math.max(...[...at.values()].map(ys => ys.length));
  return [...at].filter(([, ys]) => ys.length === most).sort((a, b) => a[0] - b[0]).map(([x, ys]) => {
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
  // The best stand above the others.
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
function filtered() {
  const words = $("filter").value.trim().split(/\s+/).filter(Boolean);
  const value = (run, name) => { const column = shownColumns.find(([own]) => own === name); return column ? column[1](run) : run.config[name]; };
  const holds = (run, word) => {
    const parts = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/.exec(word);
    if (!parts) return shownColumns.some(([, of]) => String(of(run) ?? "").toLowerCase().includes(word.toLowerCase()));
    const own = value(run, parts[1]), other = parts[3];
    if (own == null) return false;
    switch (parts[2]) {
      case "<": return +own < +other; case ">": return +own > +other;
      case "<=": return +own <= +other; case ">=": return +own >= +other;
      case "=": return own == other; default: return own != other;
    }
  };
  return data.runs.filter(run => words.every(word => holds(run, word)));
}

function table() {
  const rows = filtered();
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
  $("count").textContent = `${rows.length} of ${data.runs.length} runs`;
}

/** The score of each run against a setting. */
function scatter(key) {
  const score = data.objective.name;
  const runs = data.runs.filter(run => typeof run.metrics[score] === "number" && run.config[key] != null);
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
  // The best stand above the others.
  for (const i of [...runs.keys()].sort((a, b) => runs[b].group - runs[a].group)) {
    const run = runs[i];
    const dot = element("circle", { cx: x.place(xs[i]), cy: y.place(run.metrics[score]), r: 4, fill: colour(run.group), opacity: .75 });
    dot.addEventListener("mousemove", event => say(event, `${run.name}: ${key} ${number(run.config[key])}, ${score} ${number(run.metrics[score])}`));
    dot.addEventListener("mouseleave", hush);
    svg.append(dot);
  }
  return element("figure", {}, element("figcaption", {}, `${score} by ${key}`), svg);
}

/** A line for each run through all settings to its score. */
function parallel() {
  const score = data.objective.name, wide = 1200, high = 320;
  const runs = data.runs.filter(run => typeof run.metrics[score] === "number");
  const names = [...data.keys, score], of = (run, name) => name === score ? run.metrics[score] : run.config[name];
  const svg = element("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "parallel coordinates" });
  const scales = names.map(name => {
    const values = runs.map(run => of(run, name)), numeric = values.every(value => typeof value === "number");
    const kinds = [...new Set(values)].map(String);
    const ns = numeric ? values : values.map(value => kinds.indexOf(String(value)));
    const [min, max] = [Math.min(...ns), Math.max(...ns)];
    const own = scale(ns, high - 30, 34, numeric && min > 0 && max / min > 8);
    const few = numeric ? [...new Set(ns)] : kinds.map((_, i) => i);
    return { place: run => own.place(numeric ? of(run, name) : kinds.indexOf(String(of(run, name)))), ticks: few.length < 9 ? few.map(n => [own.place(n), numeric ? number(n) : kinds[n]]) : own.ticks.map(n => [own.place(n), number(n)]) };
  });
  const at = index => 90 + index * (wide - 180) / Math.max(names.length - 1, 1);
  for (const run of [...runs].sort((a, b) => b.group - a.group)) {
    const path = scales.map((own, index) => (index ? "L" : "M") + at(index).toFixed(1) + " " + own.place(run).toFixed(1)).join("");
    const drawn = element("path", { d: path, fill: "none", stroke: colour(run.group), "stroke-width": run.group < COLOURED ? 1.6 : 1, opacity: run.group < COLOURED ? .8 : .3 });
    drawn.addEventListener("mousemove", event => say(event, `${run.name}: ` + names.map(name => `${name} ${number(of(run, name))}`).join(", ")));
    drawn.addEventListener("mouseleave", hush);
    svg.append(drawn);
  }
  names.forEach((name, index) => {
    svg.append(element("line", { class: "axis", x1: at(index), x2: at(index), y1: 30, y2: high - 26 }), element("text", { x: at(index), y: 18, "text-anchor": "middle" }, name));
    for (const [y, text] of scales[index].ticks) svg.append(element("text", { x: at(index) - 6, y: y + 4, "text-anchor": "end" }, String(text).slice(0, 14)));
  });
  return element("figure", {}, element("figcaption", {}, "All settings"), svg);
}

function start() {
  $("title").textContent = data.title;
  const states = {};
  for (const run of data.runs) states[run.state] = (states[run.state] || 0) + 1;
  $("about").textContent = `${data.runs.length} runs of ${data.groups.length} experiments (${Object.entries(states).map(([state, n]) => n + " " + state).join(", ")}), ${data.time}, tfm ${data.tfm}`;
  const best = data.groups[0];
  if (data.objective && best && best.value != null) {
    const scores = Object.entries(best.scores).filter(([name]) => !name.startsWith("train_")).map(([name, score]) => `${name} ${spread(score)}`);
    $("best").append(element("h2", {}, "Best"), element("p", { class: "big" }, `${data.objective.name} ${spread(best.scores[data.objective.name])}`),
      element("p", {}, label(0) === best.name ? best.name : `${label(0)} (${best.name})`), element("p", { class: "controls" }, scores.join(" · ")));
  }
  const failed = data.runs.filter(run => run.state === "failed");
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
  const scored = data.objective && data.runs.some(run => typeof run.metrics[data.objective.name] === "number");
  if (scored && data.keys.length) {
    $("scatter").append(...data.keys.map(scatter));
    if (data.keys.length > 1) $("parallel").append(parallel());
  } else $("settings").remove();
  $("again").textContent = data.runs.map(run => `# ${run.name}: ${run.command}\n${run.again}`).join("\n");
  document.body.dataset.ready = "yes";
}
start();
