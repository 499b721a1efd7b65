// The status page, one file that loads no other resources. Names come from clients, so all text is set as
// text.
#pragma once

#include <string_view>

namespace muxpro::proxy {

inline constexpr std::string_view status_page = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>muxpro</title>
<style>
:root { color-scheme: light dark; --line: #8884; --up: #c60; --down: #07a; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
header { display: flex; gap: 2rem; align-items: center; flex-wrap: wrap; }
header b { font-size: 1.3rem; font-variant-numeric: tabular-nums; }
header div { display: grid; }
small { opacity: .7; }
svg { height: 48px; width: 100%; margin-top: .8rem; }
polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .15rem .6rem .15rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; }
.up { color: var(--up); stroke: var(--up); }
.down { color: var(--down); stroke: var(--down); }
#gone { color: #c00; }
</style>
<header>
<h1>muxpro</h1>
<div><b id="live">-</b><small>connections</small></div>
<div><b id="mains">-</b><small>main connections</small></div>
<div><b id="streams">-</b><small>sub-streams</small></div>
<div><b id="up" class="up">-</b><small>up</small></div>
<div><b id="down" class="down">-</b><small>down</small></div>
<div><b id="names">-</b><small>look-ups of names</small></div>
<div><b id="timers">-</b><small>timers</small></div>
<span id="gone"></span>
</header>
<svg viewBox="0 0 119 48" preserveAspectRatio="none" role="img" aria-label="throughput of the last two minutes">
<polyline id="line_up" class="up"/><polyline id="line_down" class="down"/></svg>
<h2>Main connections</h2>
<table id="main_table"><thead><tr><th>with<th class="n">sub-streams<th class="n">opened<th class="n">sent
<th class="n">received<th class="n">window<th class="n">unread<th class="n">queued<th class="n">stalls<th class="n">stalled
<th class="n">round trip</thead><tbody></table>
<section id="connections"><h2>Connections</h2>
<table id="table"><thead><tr><th>id<th>source<th>inbound<th>target<th>outbound<th class="n">up<th class="n">down
<th class="n">age</thead><tbody></table></section>
<script>
"use strict";
const by = id => document.getElementById(id);
const size = n => {
  let unit = 0;
  while (n >= 1000 && unit < 5) { n /= 1000; unit++; }
  return (unit ? n.toPrecision(3) : n.toFixed(0)) + " " + ["B", "kB", "MB", "GB", "TB", "PB"][unit];
};
const fill = (id, rows) => by(id).tBodies[0].replaceChildren(...rows.map(cells => {
  const tr = document.createElement("tr");
  for (const cell of cells) {
    const td = tr.insertCell();
    td.textContent = cell.n ?? cell;
    if (cell.n !== undefined) td.className = "n";
  }
  return tr;
}));
const n = v => ({ n: String(v) });
const history = { up: [], down: [] };
const most_rows = 200;
let last;
function draw() {
  const most = Math.max(1, ...history.up, ...history.down);
  for (const way of ["up", "down"])
    by("line_" + way).setAttribute("points",
      history[way].map((v, i) => `${119 - history[way].length + 1 + i},${47 - 46 * v / most}`).join(" "));
}
function show(s) {
  const sum = { up: 0, down: 0 };
  for (const [name, v] of Object.entries(s.counters))
    if (name.startsWith("inbound>>>")) sum[name.endsWith("uplink") ? "up" : "down"] += v;
  const now = performance.now() / 1000;
  if (last) for (const way of ["up", "down"]) {
    const rate = (sum[way] - last[way]) / (now - last.at);
    history[way] = [...history[way], rate].slice(-120);
    by(way).textContent = size(rate) + "/s";
  }
  last = { ...sum, at: now };
  const mains = [
    ...s.outbounds.flatMap(o => o.main_connections.map(m => ({ other_end: o.tag, ...m }))),
    ...s.inbounds.flatMap(i => i.main_connections.map(m => ({ other_end: m.source + (m.user ? " " + m.user : ""), ...m }))),
  ].sort((a, b) => b.streams - a.streams);
  by("live").textContent = s.live;
  by("mains").textContent = mains.length;
  by("streams").textContent = mains.reduce((a, m) => a + m.streams, 0);
  by("names").textContent = s.names.under_way + s.names.waiting;
  by("timers").textContent = s.timers;
  fill("main_table", mains.slice(0, most_rows).map(m => [m.other_end, n(m.streams), n(m.opened),
    n(size(m.sent)), n(size(m.received)), n(size(m.window)), n(size(m.unread)), n(m.queued), n(m.stalls), n((m.stalled_ms / 1000).toFixed(1) + " s"),
    n(m.round_trip_ms ? m.round_trip_ms.toFixed(2) + " ms" : "-")]));
  by("connections").hidden = !s.connections.length;
  fill("table", s.connections.map(c => [c.id, c.source, c.inbound + (c.user ? " " + c.user : ""),
    c.target + (c.protocol ? " (" + c.protocol + ")" : ""), c.outbound, n(size(c.up)), n(size(c.down)),
    n(c.seconds.toFixed(0) + " s")]));
  draw();
}
async function look() {
  try {
    show(await (await fetch("status.json")).json());
    by("gone").textContent = "";
  } catch (e) {
    by("gone").textContent = "The proxy does not answer.";
  }
  setTimeout(look, 1000);
}
look();
</script>
)html";

}  // namespace muxpro::proxy
