// Elements and pictures. Data never meets a parser: text goes in as text.
const SVG = "http://www.w3.org/2000/svg";
const MARKS = { variant: "●", error: "×", repeat: "◆", undecided: "○" };

function add(parent, tag, attributes, text) {
  const inSvg = tag === "svg" || parent.namespaceURI === SVG;
  const node = inSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function write(svg, kind, x, y, text, anchor = "start") {
  return add(svg, "text", { class: kind, x, y, "text-anchor": anchor }, text);
}

const whole = (n) => n.toLocaleString("en-US", { maximumFractionDigits: 0 });
const percent = (x) => (x > 0 && x < 0.0995 ? (100 * x).toFixed(1) : (100 * x).toFixed(0)) + " %";
const plural = (n, word) => whole(n) + " " + word + (n === 1 ? "" : "s");

function number(x) {
  if (x === null || x === undefined) return "–";
  if (Number.isInteger(x)) return whole(x);
  return Math.abs(x) >= 1000 ? whole(x) : Number(x.toPrecision(3)).toString();
}

function probability(p) {
  if (p === null) return "–";
  if (p > 0.999) return "> 0.999";
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

// --- the bubble ------------------------------------------------------------------------

const STEP = 10;      // pixels from base to base
const CONTEXT = 2;    // shared bases that each arm shows on either side of the difference
const WIDEST = 26;    // columns of a difference that are drawn; longer ones lose their middle
const CURVE = 46;     // pixels in which the arms part
const FLOW = 34;      // height of all fragments together
const ARM_Y = [42, 132];
const MIDDLE = 87;

// Columns of the two arms; null stands for what is left out.
function columnsOf(bubble, tip) {
  const before = bubble.left.slice(-CONTEXT);
  const after = tip ? "" : bubble.right.slice(0, CONTEXT);
  let ref = [...bubble.ref], alt = [...bubble.alt];
  const left_out = ref.length - WIDEST;
  if (left_out > 0) {
    const cut = (cells) => [...cells.slice(0, 16), null, ...cells.slice(-9)];
    ref = cut(ref);
    alt = cut(alt);
  }
  return {
    ref: [...before, ...ref, ...after],
    alt: [...before, ...alt, ...after],
    from: before.length,
    to: before.length + ref.length,
    left_out: left_out > 0 ? left_out + 1 : 0,
  };
}

function ribbon(svg, points, kind) {
  // Top edge there, bottom edge back: [x0, top0, x1, top1, height].
  const [x0, y0, x1, y1, h] = points;
  const m = (x0 + x1) / 2;
  add(svg, "path", {
    class: "flow " + kind,
    d: `M${x0} ${y0}C${m} ${y0} ${m} ${y1} ${x1} ${y1}V${y1 + h}` +
       `C${m} ${y1 + h} ${m} ${y0 + h} ${x0} ${y0 + h}Z`,
  });
}

function letters(svg, cells, x, y, kind) {
  // One text with a place for each letter: columns stand in line in any font.
  const drawn = cells.map((cell) => (cell === null ? "…" : cell === "-" ? "·" : cell));
  const places = drawn.map((_, i) => (x + (i + 0.5) * STEP).toFixed(1)).join(" ");
  if (drawn.length) add(svg, "text", { class: "bases " + kind, x: places, y }, drawn.join(""));
}

function armOf(svg, cells, other, x, y, kind, shape) {
  const wide = cells.length * STEP + 12;
  add(svg, "rect", {
    class: "chip " + kind, x: x - 6, y: y - 13, width: wide, height: 26, rx: 6,
  });
  for (let i = shape.from; i < shape.to; i++) {
    const differs = cells[i] !== other[i];
    if (!differs) continue;
    const gap = cells[i] === "-";
    add(svg, "rect", {
      class: (gap ? "gap " : "base ") + kind,
      x: x + i * STEP + 0.5, y: y - 9.5, width: STEP - 1, height: 19, rx: 2.5,
    });
    letters(svg, [cells[i]], x + i * STEP, y + 4.5, gap ? "hole" : "on");
  }
  const plain = cells.map((cell, i) =>
    i >= shape.from && i < shape.to && cell !== other[i] ? " " : cell);
  letters(svg, plain, x, y + 4.5, "");
}

// Heights of the three flows: they add up to FLOW, and none that exists is invisible.
function flows(a) {
  const rest = Math.max(0, a.depth - a.ref_fragments - a.alt_fragments);
  const counts = [a.ref_fragments, rest, a.alt_fragments];
  const all = Math.max(1, counts.reduce((sum, n) => sum + n, 0));
  return counts.map((n) => (n ? Math.max(1.5, (FLOW * n) / all) : 0));
}

function drawBubble(parent, a, width) {
  const b = a.bubble;
  const shape = columnsOf(b, a.kind === "tip");
  const arm = shape.ref.length * STEP + 12;
  const room = Math.floor((width - arm - 2 * CURVE - 12) / 2 / STEP);
  const shown = Math.max(0, Math.min(room, 28));
  const before = [...b.left].slice(0, b.left.length - shape.from);
  const left = before.slice(before.length - Math.min(shown, before.length));
  const right = [...b.right].slice(shape.ref.length - shape.to).slice(0, shown);
  const flank = (cells) => 4 + Math.max(2, cells.length) * STEP;
  const x1 = flank(left), x2 = x1 + CURVE, x3 = x2 + arm, x4 = x3 + CURVE;
  const total = x4 + flank(right);
  const svg = add(parent, "svg", {
    viewBox: `0 0 ${total} 174`, width: total, height: 174, role: "img",
    "aria-label": wordsOfBubble(a),
  });
  const middle = (x2 + x3) / 2;
  drawFlows(svg, a, [4, x1, x2, middle], true);
  drawFlows(svg, a, [total - 4, x4, x3, middle], a.kind !== "tip");
  letters(svg, left, x1 - left.length * STEP, MIDDLE + 4.5, "");
  letters(svg, right, x4, MIDDLE + 4.5, "");
  armOf(svg, shape.ref, shape.alt, x2 + 6, ARM_Y[0], "ref", shape);
  armOf(svg, shape.alt, shape.ref, x2 + 6, ARM_Y[1], "alt", shape);
  labelsOf(svg, a, middle, total, shape.left_out);
}

// One half of the bubble, from its outer end to its middle; a tip has no second half.
function drawFlows(svg, a, [outer, parting, arm, middle], withAllele) {
  const [ref, rest, alt] = flows(a);
  const top = MIDDLE - (ref + rest + alt) / 2;
  const lanes = [["ref", ref, top, ARM_Y[0]], ["rest", rest, top + ref, MIDDLE]];
  if (withAllele) lanes.push(["alt", alt, top + ref + rest, ARM_Y[1]]);
  for (const [kind, high, y0, y] of lanes) {
    if (high) {
      ribbon(svg, [outer, y0, parting, y0, high], kind);
      ribbon(svg, [parting, y0, arm, y - high / 2, high], kind);
      ribbon(svg, [arm, y - high / 2, middle, y - high / 2, high], kind);
    } else if (kind !== "rest") {
      const m = (parting + arm) / 2;
      const curve = `C${m} ${MIDDLE} ${m} ${y} ${arm} ${y}`;
      add(svg, "path", { class: "untaken", d: `M${parting} ${MIDDLE}${curve}H${middle}` });
    }
  }
}

function labelsOf(svg, a, x, total, left_out) {
  const beside = Math.min(Math.max(x, 80), total - 80);
  const say = (y, text) => write(svg, "label", beside, y, text, "middle");
  say(17, "reference · " + plural(a.ref_fragments, "fragment"));
  const words = plural(a.alt_fragments, "fragment") + ", " + percent(a.fraction);
  say(168, (a.kind === "tip" ? "tip · " : "allele · ") + words);
  const rest = a.depth - a.ref_fragments - a.alt_fragments;
  const between = left_out ? [plural(left_out, "column") + " left out"] : [];
  if (rest > 0) between.push(whole(rest) + " neither");
  say(MIDDLE + 4, between.join(" · "));
}

function wordsOfBubble(a) {
  const size = a.bubble.ref.length;
  const between = size > 30 ? plural(size, "column") : a.bubble.ref + " against " + a.bubble.alt;
  return `Bubble: ${between}; reference ${plural(a.ref_fragments, "fragment")}, ` +
    `allele ${plural(a.alt_fragments, "fragment")} of ${whole(a.depth)}`;
}

// --- evidence ---------------------------------------------------------------------------

function panel(parent, title) {
  const figure = add(parent, "figure", { class: "panel" });
  add(figure, "figcaption", {}, title);
  return figure;
}

// Forward to the left, reverse to the right of one line.
function drawStrands(parent, a) {
  const figure = panel(parent, "Fragments by strand");
  const most = Math.max(1, a.ref_forward, a.ref_reverse, a.alt_forward, a.alt_reverse);
  const svg = add(figure, "svg", {
    viewBox: "0 0 260 84", role: "img",
    "aria-label": `Reference ${a.ref_forward} forward, ${a.ref_reverse} reverse; ` +
      `allele ${a.alt_forward} forward, ${a.alt_reverse} reverse`,
  });
  const rows = [["reference", "ref", a.ref_forward, a.ref_reverse, 24],
    ["allele", "alt", a.alt_forward, a.alt_reverse, 54]];
  write(svg, "tick", 155, 11, "← forward", "end");
  write(svg, "tick", 165, 11, "reverse →");
  for (const [name, kind, forward, reverse, y] of rows) {
    const f = (62 * forward) / most, r = (62 * reverse) / most;
    write(svg, "label", 0, y + 12, name);
    add(svg, "rect", { class: "bar " + kind, x: 159 - f, y, width: f, height: 17, rx: 2 });
    add(svg, "rect", { class: "bar " + kind, x: 161, y, width: r, height: 17, rx: 2 });
    write(svg, "count", 155 - f, y + 13, whole(forward), "end");
    write(svg, "count", 165 + r, y + 13, whole(reverse));
  }
  add(svg, "path", { class: "axis", d: "M160 18V76" });
  const p = 10 ** (-(a.strand_bias || 0) / 10);
  add(figure, "p", { class: "note" }, a.ref_fragments && a.alt_fragments > 1
    ? `Fisher's exact test: p ${p < 0.001 ? "< 0.001" : "= " + p.toFixed(3)}`
    : "nothing to compare");
}

// A scale with shaded bad parts and marked values: [value, kind, word].
function drawScale(parent, title, last, zones, ticks, values, note) {
  const figure = panel(parent, title);
  const known = values.filter(([value]) => value !== null);
  const words = known.map(([v, , word]) => word + " " + number(v)).join("; ") || "not known";
  const svg = add(figure, "svg", { viewBox: "0 0 260 84", role: "img", "aria-label": words });
  const at = (v) => 9 + (242 * Math.min(Math.max(v, 0), last)) / last;
  for (const [from, to, kind] of zones)
    add(svg, "rect", {
      class: "zone " + kind, x: at(from), y: 34, width: at(to) - at(from), height: 26,
    });
  for (const tick of ticks) {
    add(svg, "path", { class: "axis", d: `M${at(tick)} 60v5` });
    write(svg, "tick", at(tick), 77, tick, "middle");
  }
  add(svg, "path", { class: "axis", d: "M9 60H251" });
  let taken = -Infinity;
  for (const [v, kind, word] of [...known].sort((a, b) => a[0] - b[0])) {
    const x = at(v), text = word + " " + number(v), wide = 6.6 * text.length;
    if (kind === "best") add(svg, "path", { class: "mark alt hollow", d: `M${x} 40l7 7-7 7-7-7Z` });
    else add(svg, "circle", { class: "mark " + kind, cx: x, cy: 47, r: 7 });
    const left = Math.min(Math.max(x - wide / 2, 0), 260 - wide);
    // Words that would run into their neighbour get a line above it.
    const high = left < taken + 6;
    taken = high ? taken : left + wide;
    write(svg, "label", left + wide / 2, high ? 13 : 28, text, "middle");
  }
  if (!known.length) write(svg, "label", 130, 51, "not known", "middle");
  add(figure, "p", { class: "note" }, note);
}

function drawQuality(parent, a) {
  drawScale(parent, "Base quality of the allele", 45,
    [[0, 15, "bad"], [15, 30, "fair"], [30, 45, "good"]], [0, 15, 30, 45],
    [[a.quality, "alt", "mean"], [a.best_quality, "best", "best"]],
    `${whole(a.low_quality)} of ${plural(a.alt_fragments, "fragment")} below Q15`);
}

function drawMapping(parent, a) {
  drawScale(parent, "Mapping quality", 60, [[0, 20, "bad"], [20, 60, "good"]], [0, 20, 40, 60],
    [[a.ref_mapping_quality, "ref", "reference"], [a.mapping_quality, "alt", "allele"]],
    `${whole(a.mapped_nowhere_else)} of ${plural(a.alt_fragments, "fragment")} at 20 or more`);
}

// What part of the support has each weakness.
function drawShares(parent, a) {
  const figure = panel(parent, "Doubts about the support");
  const n = a.alt_fragments;
  const table = add(figure, "table", { class: "shares" });
  add(table, "caption", { class: "hidden" }, "Supporting fragments by weakness");
  const body = add(table, "tbody");
  const rows = [["below Q15", a.low_quality, n], ["near a read's end", a.near_end, n],
    ["clipped off", a.clipped, n],
    ["maps elsewhere", Math.max(0, n - a.mapped_nowhere_else), n],
    ["mate denies", a.denied, a.agreed + a.denied]];
  for (const [word, part, of] of rows) {
    const row = add(body, "tr");
    add(row, "th", { scope: "row" }, word);
    const bar = add(add(row, "td", { "aria-hidden": "true" }), "span", { class: "meter" });
    add(bar, "span").style.width = (of ? (100 * Math.min(part, of)) / of : 0) + "%";
    add(row, "td", {}, of ? whole(part) + " of " + whole(of) : "none");
  }
}
