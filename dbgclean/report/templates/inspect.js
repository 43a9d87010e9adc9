// The list and its filters. State lives in the address (#class=variant&p=0.9), so that a
// view can be kept as a bookmark or sent on.
const CHUNK = 100;
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const alleles = data.rows.map((row, id) => {
  const allele = Object.fromEntries(data.columns.map((name, i) => [name, row[i]]));
  const [left, ref, alt, right] = allele.bubble;
  return Object.assign(allele, { id, bubble: { left, ref, alt, right } });
});
const several = new Set(alleles.map((a) => a.contig)).size > 1;
const buttons = [...document.querySelectorAll("button[data-class]")];
const known = buttons.map((button) => button.dataset.class);
const CONTROLS = ["kind", "origin", "sort"];
// Errors are many and seldom what is looked for: they start out of the list, unless they are all.
const others = known.filter((name) => name !== "error");
const usual = alleles.some((a) => a.class !== "error") ? others : known;
const NO_FILTER = { kind: "", origin: "", q: "", p: 0 };
const state = { ...NO_FILTER, sort: "position", classes: new Set(usual), open: new Set() };
// Of what was found, the rows that stand on the page: first to drawn.
let found = [], first = 0, drawn = 0;

function short(bases) {
  return bases.length > 9 ? bases.slice(0, 6) + "…" + bases.slice(-2) : bases;
}
function nameOf(a) {
  return `${a.contig}:${whole(a.position)} ${short(a.ref)} → ${short(a.alt)}`;
}

// --- state and address -------------------------------------------------------------------

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const classes = asked.get("class") === "all" ? known : asked.get("class")?.split(",") ?? usual;
  state.classes = new Set(classes.filter((name) => known.includes(name)));
  for (const name of CONTROLS) {
    const values = [...$(name).options].map((option) => option.value);
    state[name] = values.includes(asked.get(name)) ? asked.get(name) : values[0];
  }
  state.q = asked.get("q") || "";
  const p = Number(asked.get("p"));
  state.p = p > 0 && p <= 1 ? p : 0;
  state.open = new Set((asked.get("open") || "").split(",").filter(Boolean).map(Number));
}

function writeAddress() {
  const parts = new URLSearchParams();
  const chosen = known.filter((name) => state.classes.has(name));
  if (chosen.join() !== usual.join())
    parts.set("class", chosen.length === known.length ? "all" : chosen.join(","));
  for (const name of CONTROLS)
    if (state[name] !== $(name).options[0].value) parts.set(name, state[name]);
  if (state.q) parts.set("q", state.q);
  if (state.p) parts.set("p", state.p);
  if (state.open.size) parts.set("open", [...state.open].join(","));
  const text = parts.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
}

function showControls() {
  for (const button of buttons)
    button.setAttribute("aria-pressed", state.classes.has(button.dataset.class));
  for (const name of CONTROLS) $(name).value = state[name];
  if ($("search").value !== state.q) $("search").value = state.q;
  const stop = data.stops.findLastIndex((value) => value <= state.p);
  $("least").value = Math.max(0, stop);
  $("least").setAttribute("aria-valuetext", state.p ? "at least " + state.p : "any");
  $("least-value").textContent = state.p ? "≥ " + state.p : "any";
}

// --- filtering ---------------------------------------------------------------------------

function rangeOf(text) {
  const match = /^(?:(.+):)?([\d,]+)\s*[-–]\s*([\d,]+)$/.exec(text.trim());
  if (!match) return null;
  const [from, to] = [match[2], match[3]].map((digits) => Number(digits.replaceAll(",", "")));
  return { contig: match[1] || "", from, to };
}

function haystack(a) {
  a.words ??= [a.contig + ":" + a.position, whole(a.position), a.ref + ">" + a.alt, a.kind, a.class,
    a.zygosity, a.genotype, a.origin, ...a.filters, ...a.reasons].join(" ").toLowerCase();
  return a.words;
}

function matcher() {
  const range = rangeOf(state.q);
  const words = range ? [] : state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return (a) =>
    (!state.kind || a.kind === state.kind) &&
    (!state.origin || a.origin === state.origin) &&
    (!state.p || a.posterior >= state.p) &&
    (!range || ((!range.contig || range.contig === a.contig) &&
      a.position <= range.to && a.position + a.ref.length > range.from)) &&
    words.every((word) => haystack(a).includes(word));
}

const ORDERS = {
  position: () => 0,
  posterior: (a, b) => b.posterior - a.posterior,
  fraction: (a, b) => b.fraction - a.fraction,
  fragments: (a, b) => b.alt_fragments - a.alt_fragments,
};

function update() {
  const matching = alleles.filter(matcher());
  found = matching.filter((a) => state.classes.has(a.class));
  if (state.sort !== "position") found.sort(ORDERS[state.sort]);
  showControls();
  const more = matching.length - found.length;
  $("count").textContent = `${whole(found.length)} of ${plural(alleles.length, "allele")}`;
  $("elsewhere").hidden = !more;
  $("elsewhere").textContent = `Show ${whole(more)} more of other classes`;
  $("none").hidden = found.length > 0;
  drawTrack();
  drawFrom(0);
}

function drawTrack() {
  const inSight = new Set(found);
  track.draw(found, alleles.filter((a) => !inSight.has(a)), rangeOf(state.q));
}

function changed() {
  writeAddress();
  update();
}

// --- the list ----------------------------------------------------------------------------

function drawFrom(row) {
  first = drawn = row;
  $("list").replaceChildren();
  drawMore();
}

function batchOf(from, to) {
  const batch = document.createDocumentFragment();
  for (const allele of found.slice(from, to)) drawRow(batch, allele);
  return batch;
}

function drawMore(rows = CHUNK) {
  $("list").append(batchOf(drawn, drawn + rows));
  drawn = Math.min(drawn + rows, found.length);
  $("more").hidden = drawn >= found.length;
  $("earlier").hidden = first === 0;
}

function drawEarlier() {
  const from = Math.max(0, first - CHUNK);
  $("list").prepend(batchOf(from, first));
  first = from;
  $("earlier").hidden = first === 0;
}

function drawRow(parent, a) {
  const row = add(parent, "li", { class: "allele c-" + a.class, id: "allele-" + a.id });
  const details = add(row, "details");
  const line = add(details, "summary");
  add(line, "span", { class: "sign", "aria-hidden": "true" }, MARKS[a.class] || "?");
  add(line, "span", { class: "place" }, (several ? a.contig + ":" : "") + whole(a.position));
  add(line, "span", { class: "change" }, `${short(a.ref)} → ${short(a.alt)}`);
  add(line, "span", { class: "class" }, a.class);
  const parts = [a.origin === a.class ? "" : a.origin, a.zygosity];
  if (!a.genotype.includes(".")) parts.push(a.genotype);
  add(line, "span", { class: "zygosity" }, parts.filter(Boolean).join(" "));
  const fraction = add(line, "span", { class: "fraction" });
  const meter = add(add(fraction, "span", { class: "meter", "aria-hidden": "true" }), "span");
  meter.style.width = 100 * Math.min(1, a.fraction) + "%";
  add(fraction, "span", {}, `${whole(a.alt_fragments)} of ${whole(a.depth)}`);
  const p = add(line, "span", { class: "p" });
  add(p, "span", { class: "hidden" }, "P(real) ");
  add(p, "span", {}, probability(a.posterior));
  details.addEventListener("toggle", () => toggled(a, details));
  if (state.open.has(a.id)) details.open = true;
}

function toggled(a, details) {
  if (details.open && !details.querySelector(".body")) drawBody(details, a);
  if (details.open === state.open.has(a.id)) return;
  if (details.open) state.open.add(a.id);
  else state.open.delete(a.id);
  writeAddress();
}

function goTo(a) {
  if (!found.includes(a)) {
    Object.assign(state, NO_FILTER);
    state.classes.add(a.class);
    update();
  }
  state.open.add(a.id);
  const index = found.indexOf(a);
  if (index < first || index >= drawn + CHUNK) drawFrom(Math.max(0, index - 10));
  else if (index >= drawn) drawMore();
  const row = $("allele-" + a.id);
  row.firstChild.open = true;
  row.scrollIntoView({ block: "start" });
  row.querySelector("summary").focus({ preventScroll: true });
  writeAddress();
}

// --- an allele unfolded ------------------------------------------------------------------

function drawBody(parent, a) {
  const body = add(parent, "div", { class: "body" });
  const verdict = add(body, "p", { class: "verdict" });
  const named = [...new Set([a.origin, a.zygosity, a.class])].filter(Boolean);
  add(verdict, "b", {}, named.join(" "));
  const quality = a.quality_score < 0.05 ? 0 : number(a.quality_score);
  add(verdict, "span", {}, ` · P(real) ${probability(a.posterior)} · quality ${quality}`);
  if (a.reasons.length) {
    const list = add(body, "ul", { class: "reasons" });
    for (const reason of a.reasons) add(list, "li", {}, reason);
  }
  if (a.filters.length) {
    const list = add(body, "ul", { class: "filters", "aria-label": "Filters" });
    for (const name of a.filters) {
      const item = add(list, "li");
      add(item, "b", {}, name);
      if (data.filter_words[name]) add(item, "span", {}, " " + data.filter_words[name]);
    }
  }
  const figure = add(body, "div", {
    class: "bubble", role: "region", tabindex: "0", "aria-label": "Picture of the bubble",
  });
  drawBubble(figure, a, figure.clientWidth || 600);
  const panels = add(body, "div", { class: "panels" });
  drawStrands(panels, a);
  drawQuality(panels, a);
  drawMapping(panels, a);
  drawShares(panels, a);
  drawNeighbours(body, a);
  drawNumbers(body, a);
}

function drawNeighbours(body, a) {
  if (!a.phase_set || !a.genotype.includes("|")) return;
  const others = alleles.filter((b) => b !== a && b.phase_set === a.phase_set &&
    b.contig === a.contig && b.genotype.includes("|"));
  if (!others.length) return;
  others.sort((b, c) => Math.abs(b.position - a.position) - Math.abs(c.position - a.position));
  const box = add(body, "div", { class: "phase" });
  add(box, "h4", {}, `Phased with ${plural(others.length, "neighbour")}`);
  const list = add(box, "ul");
  for (const b of others.slice(0, 8).sort((c, d) => c.position - d.position)) {
    const together = b.genotype === a.genotype || [a, b].some((c) => c.genotype === "1|1");
    const kind = together ? "cis" : "trans";
    const button = add(add(list, "li"), "button", { type: "button", class: kind });
    add(button, "span", {}, `${whole(b.position)} ${short(b.ref)} → ${short(b.alt)} `);
    add(button, "small", {}, together ? "same copy" : "other copy");
    button.addEventListener("click", () => goTo(b));
  }
}

function drawNumbers(body, a) {
  const fold = add(body, "details", { class: "numbers" });
  add(fold, "summary", {}, "All numbers and sequences");
  const list = add(fold, "dl");
  for (const [key, label] of data.labels) {
    const value = a[key];
    if (value === null || value === undefined || value === "" || value === ".") continue;
    const list_of = Array.isArray(value) && value.map(number).join(", ");
    const item = add(list, "div");
    add(item, "dt", {}, label);
    add(item, "dd", {}, list_of || (typeof value === "number" ? number(value) : value));
  }
  const b = a.bubble;
  for (const [word, arm] of [["reference", b.ref], ["allele", b.alt]]) {
    const line = add(fold, "p", { class: "sequence" });
    add(line, "span", {}, word);
    const code = add(line, "code");
    add(code, "span", {}, b.left);
    add(code, "b", { class: word }, arm.replaceAll("-", ""));
    if (word === "reference" || a.kind !== "tip") add(code, "span", {}, b.right);
  }
}

// --- wiring ------------------------------------------------------------------------------

const track = new Track($("track"), $("readout"), data.regions, goTo, (range) => {
  state.q = range;
  changed();
});
for (const button of buttons)
  button.addEventListener("click", () => {
    const name = button.dataset.class;
    if (state.classes.has(name)) state.classes.delete(name);
    else state.classes.add(name);
    changed();
  });
for (const name of CONTROLS)
  $(name).addEventListener("change", () => {
    state[name] = $(name).value;
    changed();
  });
$("least").addEventListener("input", () => {
  state.p = data.stops[$("least").value];
  changed();
});
let waiting = 0;
$("search").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    state.q = $("search").value.trim();
    changed();
  }, 120);
});
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  Object.assign(state, NO_FILTER, { sort: "position", classes: new Set(usual) });
  changed();
});
$("elsewhere").addEventListener("click", () => {
  state.classes = new Set(known);
  changed();
});
$("more").addEventListener("click", () => drawMore());
$("earlier").addEventListener("click", drawEarlier);
new IntersectionObserver((seen) => {
  if (seen.some((entry) => entry.isIntersecting) && drawn < found.length) drawMore();
}, { rootMargin: "600px" }).observe($("more"));
let sized = innerWidth;
addEventListener("resize", () => {
  if (sized === innerWidth) return;
  sized = innerWidth;
  drawTrack();
  for (const box of document.querySelectorAll("details[open] > .body > .bubble")) {
    const a = alleles[Number(box.closest("li").id.slice("allele-".length))];
    box.replaceChildren();
    drawBubble(box, a, box.clientWidth);
  }
});
addEventListener("hashchange", () => {
  readAddress();
  update();
});
addEventListener("beforeprint", () => drawMore(5 * CHUNK));
readAddress();
update();
document.documentElement.dataset.ready = "yes";
