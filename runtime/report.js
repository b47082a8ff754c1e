"use strict";
// One page, no library. Times are ticks of the machine's clock; `D` is what runtime/html.py wrote.
const D = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const KINDS = ["task", "fetch", "enqueue", "program", "sync"];
const STALLS = ["barrier", "fetch", "enqueue", "firmware", "order", "dispatch"];
const GUTTER = 84, AXIS = 24, ROW = 22, AREA = 56, QUEUE = 30;
const number = (n) => Math.round(n).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
const percent = (x) => (100 * x).toFixed(x && x < 0.1 ? 1 : 0) + "%";
const say = (word) => D.words[word] || word;
let run, view, hover = -1, picked = -1, ink = {};

function time(ticks) {
  const us = ticks / run.clock_mhz, size = Math.abs(us);
  return size >= 10000 ? (us / 1000).toFixed(1) + " ms" : size >= 10 ? us.toFixed(1) + " µs"
    : size >= 0.01 || !us ? us.toFixed(2) + " µs" : (us * 1000).toFixed(1) + " ns";
}

function sums(deltas) { let at = 0; return Float64Array.from(deltas, (d) => (at += d)); }

// Columns are decoded once per run; per lane the tasks sorted by start, for binary search while drawing.
function decode(raw) {
  if (raw.ready) return raw;
  const t = raw.task;
  for (const key of ["enqueued", "head", "start", "end"]) t[key] = sums(t[key]);
  raw.critical = new Uint8Array(t.name.length);
  for (const n of sums(raw.on_path)) raw.critical[n] = 1;
  raw.served = new Set(raw.critical_path.filter((s) => s.kind === "firmware").map((s) => s.start));
  raw.byLane = raw.lanes.map(() => []);
  t.lane.forEach((lane, n) => { if (t.head[n] >= 0) raw.byLane[lane].push(n); });
  for (const lane of raw.byLane) lane.sort((a, b) => from(raw, a) - from(raw, b));
  raw.occupancy = [sums(raw.occupancy[0]), raw.occupancy[1]];
  raw.queues = (raw.queues || []).map(([name, ticks, count, limit]) => [name, sums(ticks), count, limit, count.reduce((a, b) => Math.max(a, b), 1)]);
  raw.ready = true;
  return raw;
}

const from = (r, n) => (r.task.start[n] >= 0 ? r.task.start[n] : r.horizon);
const until = (r, n) => (r.task.end[n] >= 0 ? r.task.end[n] : r.horizon);
const list = (x) => (Array.isArray(x) ? x : x < 0 ? [] : [x]);
const nameOf = (n) => D.names[run.task.name[n]];

function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function table(node, head, rows, go) {
  const line = (cells, tag) => {
    const tr = element("tr");
    cells.forEach((cell, n) => tr.append(element(tag, cell, { class: head[n][1] || "" })));
    return tr;
  };
  node.replaceChildren(line(head.map((h) => h[0]), "th"));
  rows.forEach((cells, n) => {
    const tr = line(cells, "td");
    if (go && go(n)) { tr.dataset.go = n; tr.onclick = () => go(n)(); }
    node.append(tr);
  });
}

function cards() {
  const r = run, items = [[time(r.makespan), `${r.outcome === "finished" ? "makespan" : "last end"}, ${number(r.makespan)} ticks`], [time(r.bootstrap), "bootstrap, before t = 0"]];
  if (D.ideal) items.push([(r.makespan / D.ideal).toFixed(2) + "×", `of the ideal ${time(D.ideal)}`]);
  items.push([number(r.interrupts), `interrupts, firmware busy ${time(r.firmware_busy)}`],
    [number(r.management_dmas), `management DMAs, ${number(r.management_bytes)} bytes`],
    [number(r.refills), "barrier refills"],
    [`${r.peak_barriers}${r.barrier_limit ? " of " + r.barrier_limit : ""}`, "barriers at the peak"], [number(r.tasks), "tasks"]);
  $("cards").replaceChildren(...items.map(([value, label]) => {
    const card = element("div"); card.append(element("b", value), element("span", label)); return card;
  }));
  const bad = r.outcome !== "finished";
  $("alert").hidden = !bad;
  if (!bad) return;
  const h = r.hazard;
  $("alert").replaceChildren(element("b", h ? `${h.rule} at tick ${number(h.tick)}: ` : r.outcome + " "), element("span", h ? h.text : ""));
  if (r.stuck.length) {
    const why = element("table");
    table(why, [["engine"], ["task"], ["state"], ["barrier"], ["missing", "w"]],
      r.stuck.map((s) => [s.engine, s.task || "-", s.state, s.barrier || "-", s.missing.join(", ")]));
    $("alert").append(why);
  }
}

function modes() {
  $("modes").hidden = D.runs.length < 2;
  const best = Math.min(...D.runs.map((r) => r.makespan));
  table($("modes").querySelector("table"),
    [[say("mode")], ["outcome"], ["makespan", "n"], ["to best", "n"], ["bootstrap", "n"], ["interrupts", "n"], ["firmware busy", "n"],
      ["DMAs", "n"], ["bytes", "n"], ["refills", "n"], ["peak barriers", "n"], ["management stalls", "n"]],
    D.runs.map((r) => [r.mode, r.outcome, time(r.makespan), "+" + percent(r.makespan / best - 1), time(r.bootstrap), number(r.interrupts),
      time(r.firmware_busy), number(r.management_dmas), number(r.management_bytes), number(r.refills), r.peak_barriers,
      time(STALLS.slice(1).reduce((sum, s) => sum + r.stalls[s], 0))]), (n) => () => show(n));
}

function stalls() {
  const parts = (row) => [["task", row.busy, "--task"], ["management DMA", row.management, "--management"],
    ...STALLS.map((s) => [`waits: ${say(s)}`, row.stalls[s], `--s-${s}`])];
  const legend = element("p");
  for (const [name, , colour] of parts({ stalls: {} })) legend.append(key(name, colour));
  legend.append(key("after its last task", "--rest"));
  $("stalls").replaceChildren(legend, ...run.engines.map((row) => {
    const line = element("div", undefined, { class: "row" }), bar = element("div", undefined, { class: "stack" });
    for (const [name, ticks, colour] of parts(row)) if (ticks) {
      const part = element("i", undefined, { title: `${row.name}: ${name} ${time(ticks)}, ${percent(ticks / run.horizon)}` });
      part.style.cssText = `width:${100 * ticks / run.horizon}%;background:var(${colour})`;
      bar.append(part);
    }
    line.append(element("b", row.name), bar, element("span", percent(row.busy / run.horizon)));
    return line;
  }));
}

function key(name, colour) {
  const node = element("span", undefined, { class: "key" }), box = element("i");
  box.style.background = `var(${colour})`;
  node.append(box, name);
  return node;
}

function lists() {
  const path = run.critical_path, total = Object.values(run.critical_path_ticks).reduce((a, b) => a + b, 0) || 1;
  $("pathsum").replaceChildren(...Object.entries(run.critical_path_ticks).filter(([, t]) => t)
    .map(([kind, t]) => key(`${kind} ${percent(t / total)}`, { run: "--task", dispatch: "--s-dispatch" }[kind] || `--${kind}`)));
  const shown = path.length > 500 ? [...path].sort((a, b) => (b.end - b.start) - (a.end - a.start)).slice(0, 500).sort((a, b) => a.start - b.start) : path;
  table($("pathtable"), [["from", "n"], ["ticks", "n"], ["on"], ["what", "w"], ["and then", "w"]],
    shown.map((s) => [time(s.start), number(s.end - s.start), s.where || s.kind, s.name, s.why]), (n) => () => zoomTo(shown[n].start, shown[n].end));
  table($("marks"), [["what"], ["most", "n"], ["limit", "n"]], run.high_water.map((m) => [m.what, m.most, m.limit === null ? "-" : m.limit]));
  table($("traffic"), [["DMA"], ["count", "n"], ["bytes", "n"], ["ticks", "n"]], run.traffic.map((t) => [t.kind, number(t.count), number(t.bytes), number(t.ticks)]));
}

// ---- the timeline: a canvas that draws only what is visible, and at most one bar per pixel and lane
const canvas = $("timeline"), g = canvas.getContext("2d");
const hasFirmware = () => run.handlers.length > 0;
const laneTop = (lane) => AXIS + lane * ROW;
const areaTop = () => laneTop(run.lanes.length + (hasFirmware() ? 1 : 0)) + 8;
let wide = 1; // of the plot, in pixels; asking the page for it once per bar would be most of the work
const width = () => wide;
const queueTop = (n) => areaTop() + (run.occupancy[0].length ? AREA + 6 : 0) + n * QUEUE;
const x = (tick) => GUTTER + (tick - view[0]) * wide / (view[1] - view[0]);
const tickAt = (px) => view[0] + (px - GUTTER) * (view[1] - view[0]) / width();

function zoomTo(low, high) {
  const pad = Math.max(2, (high - low) * 0.4);
  setView(low - pad, high + pad);
  $("stage").scrollIntoView({ block: "nearest" });
}

function setView(low, high) {
  const full = run.horizon || 1, span = Math.min(Math.max(high - low, 8), full * 1.02);
  low = Math.min(Math.max(low, -0.01 * full), full * 1.01 - span);
  view = [low, low + span];
  draw();
}

let pending = false;
function draw() { if (!pending) { pending = true; requestAnimationFrame(paint); } }

function paint() {
  pending = false;
  wide = Math.max(1, canvas.clientWidth - GUTTER);
  const scale = window.devicePixelRatio || 1, high = queueTop(run.queues.length);
  canvas.style.height = high + "px";
  if (canvas.width !== Math.round(canvas.clientWidth * scale) || canvas.height !== Math.round(high * scale)) {
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(high * scale);
  }
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, canvas.clientWidth, high);
  g.font = "11px system-ui, sans-serif";
  g.textBaseline = "middle";
  axis(high);
  g.save();
  g.beginPath(); g.rect(GUTTER, 0, width(), high); g.clip();
  const find = $("find").value.trim().toLowerCase(), path = $("path").checked;
  run.byLane.forEach((tasks, lane) => drawLane(tasks, lane, find, path));
  if (hasFirmware()) drawFirmware();
  drawAreas();
  g.restore();
  labels();
}

function axis(high) {
  const target = (view[1] - view[0]) / Math.max(2, width() / 110), unit = run.clock_mhz / 1000; // ticks per nanosecond
  let step = Math.pow(10, Math.floor(Math.log10(target / unit)));
  for (const m of [1, 2, 5, 10]) if (step * m * unit >= target) { step *= m; break; }
  step *= unit;
  for (let t = Math.ceil(Math.max(0, view[0]) / step) * step; t <= view[1]; t += step) {
    g.strokeStyle = ink.grid; g.beginPath(); g.moveTo(x(t) + 0.5, AXIS - 6); g.lineTo(x(t) + 0.5, high); g.stroke();
    g.fillStyle = ink.soft; g.textAlign = "center"; g.fillText(time(t), x(t), 9);
  }
}

function labels() {
  g.textAlign = "left"; g.fillStyle = ink.ink;
  run.lanes.forEach((lane, n) => { if (lane.name) g.fillText(lane.name, 4, laneTop(n) + ROW / 2, GUTTER - 8); });
  if (hasFirmware()) g.fillText("firmware", 4, laneTop(run.lanes.length) + ROW / 2, GUTTER - 8);
  if (run.occupancy[0].length) {
    g.fillText("barriers", 4, areaTop() + 8);
    g.fillStyle = ink.soft; g.fillText(`peak ${run.peak_barriers}`, 4, areaTop() + 24); g.fillText(`limit ${run.barrier_limit}`, 4, areaTop() + 38);
  }
  run.queues.forEach(([name, , , limit, peak], n) => {
    g.fillStyle = ink.ink; g.fillText(name, 4, queueTop(n) + 10);
    g.fillStyle = ink.soft; g.fillText(`peak ${peak}${limit ? " of " + limit : ""}`, 4, queueTop(n) + 23);
  });
}

function firstVisible(tasks) { // the first whose end is in view: ends in one lane ascend with starts
  let low = 0, high = tasks.length;
  while (low < high) { const mid = (low + high) >> 1; if (until(run, tasks[mid]) < view[0]) low = mid + 1; else high = mid; }
  return low;
}

function drawLane(tasks, lane, find, path) {
  const top = laneTop(lane) + 3, tall = ROW - 6, t = run.task;
  let lastX = -1;
  for (let n = firstVisible(tasks); n < tasks.length; n++) {
    const task = tasks[n], begin = from(run, task), left = x(begin), right = x(until(run, task));
    if (Math.max(t.head[task], n ? until(run, tasks[n - 1]) : 0) > view[1]) break;
    const blocked = x(Math.max(t.head[task], n ? until(run, tasks[n - 1]) : 0));
    if (left - blocked > 1) { g.fillStyle = ink.blocked; g.fillRect(blocked, top + tall / 2 - 2, left - blocked, 4); }
    if (begin >= run.horizon && t.start[task] < 0) continue;
    const critical = path && run.critical[task], size = Math.max(right - left, 1);
    if (right <= lastX && !critical) continue; // under the pixel of its neighbour
    lastX = left + size;
    const found = find && nameOf(task).toLowerCase().includes(find);
    g.globalAlpha = find && !found ? 0.2 : 1;
    g.fillStyle = t.kind[task] ? ink.management : run.lanes[lane].kind === "dma" ? ink.dma : ink.task;
    g.fillRect(left, top, size > 3 ? size - 0.5 : size, tall);
    if (critical) { g.fillStyle = ink.accent; g.fillRect(left, top + tall, size, 2.5); }
    if (task === hover || task === picked) { g.strokeStyle = ink.ink; g.lineWidth = 1.5; g.strokeRect(left, top, size, tall); g.lineWidth = 1; }
    if (size > 34) {
      g.fillStyle = "#fff"; g.textAlign = "left";
      const at = Math.max(left, GUTTER) + 4, fits = Math.floor((right - at - 4) / 6), name = nameOf(task);
      if (fits > 3) g.fillText(name.length > fits ? name.slice(0, fits - 1) + "…" : name, at, top + tall / 2);
    }
    g.globalAlpha = 1;
  }
}

function drawFirmware() {
  const top = laneTop(run.lanes.length) + 3;
  const path = $("path").checked;
  for (const [start, end, raised] of run.handlers) {
    if (end < view[0] || raised > view[1]) continue;
    if (start > raised) { g.fillStyle = ink.blocked; g.fillRect(x(raised), top + 6, x(start) - x(raised), 4); }
    g.fillStyle = ink.firmware; g.fillRect(x(start), top, Math.max(1, x(end) - x(start) - 0.5), ROW - 6);
    if (path && run.served.has(start)) { g.fillStyle = ink.accent; g.fillRect(x(start), top + ROW - 6, Math.max(1, x(end) - x(start)), 2.5); }
  }
}

function drawAreas() {
  drawArea(...run.occupancy, areaTop() + AREA, AREA - 4, Math.max(run.peak_barriers, 1));
  run.queues.forEach(([, ticks, count, , peak], n) => drawArea(ticks, count, queueTop(n + 1), QUEUE - 6, peak));
}

function drawArea(ticks, count, base, tall, most) {
  if (!ticks.length) return;
  const y = (n) => base - tall * n / most;
  g.fillStyle = ink.area; g.beginPath(); g.moveTo(x(ticks[0]), base);
  let last = 0;
  for (let n = 0; n < ticks.length; n++) { g.lineTo(x(ticks[n]), y(last)); last = count[n]; g.lineTo(x(ticks[n]), y(last)); }
  g.lineTo(x(run.horizon), y(last)); g.lineTo(x(run.horizon), base); g.fill();
}

// ---- pointer and keyboard
function taskAt(px, py) {
  const lane = Math.floor((py - AXIS) / ROW), tick = tickAt(px), slack = 3 * (view[1] - view[0]) / width();
  if (px < GUTTER || lane < 0 || lane >= run.lanes.length) return -1;
  let best = -1, gap = slack;
  const tasks = run.byLane[lane];
  for (let n = Math.max(0, firstVisible(tasks) - 1); n < tasks.length; n++) {
    const low = from(run, tasks[n]), away = Math.max(low - tick, tick - until(run, tasks[n]), 0);
    if (run.task.start[tasks[n]] >= 0 && away < gap) { gap = away; best = tasks[n]; if (!away) return best; }
    if (low > tick + slack) break;
  }
  return best;
}

function describe(n) {
  const t = run.task, lines = [`${run.lanes[t.lane[n]].name || "same engine"}, ${KINDS[t.kind[n]]} ${n}`,
    `${time(t.start[n])} + ${number(until(run, n) - t.start[n])} ticks`];
  if (t.enqueued[n] >= 0) lines.push(`enqueued ${time(t.enqueued[n])}, head ${time(t.head[n])}, blocked ${number(t.start[n] - t.head[n])} ticks`);
  const waits = list(t.waits[n]).map((v) => `${run.barriers[v]} (lifted ${time(run.lifted[v])})`);
  if (waits.length) lines.push("waits for " + waits.join(", "));
  const updates = list(t.updates[n]).map((v) => run.barriers[v]);
  if (updates.length) lines.push("updates " + updates.join(", "));
  if (run.critical[n]) lines.push("on the critical path");
  return lines;
}

function overFirmware(px, py) {
  if (!hasFirmware() || Math.floor((py - AXIS) / ROW) !== run.lanes.length) return null;
  const tick = tickAt(px), slack = 2 * (view[1] - view[0]) / width();
  return run.handlers.find(([start, end]) => start - slack <= tick && tick <= end + slack) || null;
}

function tip(event) {
  const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
  const task = taskAt(px, py), handler = overFirmware(px, py), node = $("tip");
  if (task !== hover) { hover = task; draw(); }
  node.hidden = task < 0 && !handler;
  if (node.hidden) return;
  const [title, lines] = task >= 0 ? [nameOf(task), describe(task)]
    : [`interrupt of ${D.names[handler[3]]}`, [`raised ${time(handler[2])}, served ${time(handler[0])} + ${number(handler[1] - handler[0])} ticks`, `${handler[4]} work items pushed`]];
  node.replaceChildren(element("b", title), ...lines.map((line) => element("div", line)));
  node.style.left = Math.max(0, Math.min(px + 14, box.width - node.offsetWidth - 4)) + "px";
  node.style.top = py + 16 + "px";
}

let drag = null;
canvas.addEventListener("pointerdown", (e) => { drag = { x: e.clientX, view: [...view], moved: false }; canvas.setPointerCapture(e.pointerId); });
canvas.addEventListener("pointermove", (e) => {
  if (!drag) return tip(e);
  const shift = (e.clientX - drag.x) * (drag.view[1] - drag.view[0]) / width();
  drag.moved ||= Math.abs(e.clientX - drag.x) > 3;
  setView(drag.view[0] - shift, drag.view[1] - shift);
});
canvas.addEventListener("pointerup", () => {
  if (drag && !drag.moved) { picked = hover; $("details").textContent = picked < 0 ? "" : [nameOf(picked), ...describe(picked)].join(" · "); draw(); }
  drag = null;
});
canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; hover = -1; draw(); });
canvas.addEventListener("wheel", (e) => {
  e.preventDefault();
  const factor = Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.006), at = tickAt(e.clientX - canvas.getBoundingClientRect().left);
  setView(at - (at - view[0]) * factor, at + (view[1] - at) * factor);
}, { passive: false });
canvas.addEventListener("dblclick", () => setView(-Infinity, Infinity));
canvas.addEventListener("keydown", (e) => {
  const span = view[1] - view[0], moves = { ArrowLeft: [-0.1, -0.1], ArrowRight: [0.1, 0.1], "+": [0.15, -0.15], "-": [-0.2, 0.2] };
  if (e.key === "0") setView(-Infinity, Infinity);
  else if (moves[e.key]) setView(view[0] + moves[e.key][0] * span, view[1] + moves[e.key][1] * span);
  else return;
  e.preventDefault();
});

function theme(name) {
  document.documentElement.dataset.theme = name;
  for (const key of ["ink", "soft", "grid", "task", "dma", "management", "firmware", "blocked", "accent", "area"]) ink[key] = css("--" + key);
  if (run) draw();
}

function show(n) {
  run = decode(D.runs[n]);
  hover = picked = -1;
  [...$("tabs").children].forEach((tab, k) => tab.setAttribute("aria-selected", k === n));
  $("subtitle").textContent = `${run.machine} at ${run.clock_mhz} MHz, ${run.mode}` + (run.notes.length ? ` (${run.notes.join("; ")})` : "");
  cards(); stalls(); lists();
  setView(-Infinity, Infinity);
}

theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
$("theme").onclick = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
$("find").oninput = $("path").onchange = draw;
new ResizeObserver(draw).observe($("stage"));
for (const [name, colour] of [["task", "--task"], ["DMA", "--dma"], ["management", "--management"], ["firmware", "--firmware"], ["blocked", "--blocked"], ["critical path", "--accent"]]) $("legend").append(key(name, colour));
D.runs.forEach((r, n) => { const tab = element("button", r.mode, { role: "tab" }); tab.onclick = () => show(n); if (D.runs.length > 1) $("tabs").append(tab); });
if (D.runs.length) { show(0); modes(); }
