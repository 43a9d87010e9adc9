// The track: every region end to end, a lollipop an allele, as high as its fraction.
const HIGH = 168, TOP = 14, FLOOR = 132, EDGE = 46, BETWEEN = 14, CROWDED = 400;
const TOPS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1];

class Track {
  constructor(host, readout, regions, onPick, onRange) {
    Object.assign(this, { host, readout, regions, onPick, onRange, points: [] });
    host.addEventListener("pointermove", (event) => this.moved(event));
    host.addEventListener("pointerleave", () => this.point(null));
    host.addEventListener("pointerdown", (event) => this.pressed(event));
    host.addEventListener("pointerup", (event) => this.released(event));
    host.addEventListener("pointercancel", () => { this.from = null; this.brushed(null); });
  }

  // What is in sight: all regions, or the part of one that a range names.
  spans(range) {
    if (!range) return this.regions;
    const inside = this.regions
      .filter((r) => (!range.contig || r.contig === range.contig))
      .map((r) => {
        const start = Math.max(r.start, range.from - 1), end = Math.min(r.end, range.to);
        return { contig: r.contig, start, end };
      })
      .filter((r) => r.end > r.start);
    return inside.length ? inside : this.regions;
  }

  layout(range) {
    this.width = Math.max(280, this.host.clientWidth);
    const spans = this.spans(range);
    const bases = spans.reduce((sum, r) => sum + r.end - r.start, 0) || 1;
    // Gaps between many small regions shrink before the regions do.
    const gap = Math.min(BETWEEN, (this.width - EDGE - 8) / 3 / spans.length);
    const scale = (this.width - EDGE - 8 - gap * (spans.length - 1)) / bases;
    let x = EDGE;
    this.parts = spans.map((r) => {
      const part = { ...r, x, scale };
      x += (r.end - r.start) * scale + gap;
      return part;
    });
  }

  inSight(allele) {
    return this.parts.find((p) => p.contig === allele.contig &&
      allele.position > p.start && allele.position <= p.end);
  }

  at(allele) {
    const part = this.inSight(allele);
    if (!part) return null;
    return [part.x + (allele.position - 0.5 - part.start) * part.scale,
      FLOOR - (FLOOR - TOP) * Math.min(1, allele.fraction / this.most)];
  }

  place(x) {
    const before = (part) => x <= part.x + (part.end - part.start) * part.scale;
    const part = this.parts.find(before) || this.parts.at(-1);
    const offset = Math.min(Math.max((x - part.x) / part.scale, 0), part.end - part.start);
    const position = Math.min(part.end, Math.floor(part.start + offset) + 1);
    return { contig: part.contig, position };
  }

  draw(shown, hidden, range) {
    this.layout(range);
    // Where all are rare they would lie on the floor: the axis ends above the highest.
    const highest = Math.max(0, ...shown.filter((a) => this.inSight(a)).map((a) => a.fraction));
    this.most = TOPS.find((top) => top >= highest) || 1;
    this.host.replaceChildren();
    const svg = add(this.host, "svg", {
      viewBox: `0 0 ${this.width} ${HIGH}`, width: this.width, height: HIGH, role: "img",
      "aria-label": `Positions and allele fractions of ${plural(shown.length, "allele")}`,
    });
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const y = FLOOR - (FLOOR - TOP) * share;
      add(svg, "path", { class: share ? "grid" : "axis", d: `M${EDGE} ${y}H${this.width - 4}` });
      const words = Number((100 * share * this.most).toPrecision(3)) + " %";
      if ((share * 2) % 1 === 0) write(svg, "tick", EDGE - 5, y + 4, words, "end");
    }
    this.drawPlaces(svg);
    this.lollipops(svg, hidden.filter((a) => a.fraction <= this.most), "faint");
    this.points = this.lollipops(svg, shown, "");
    this.brush = add(svg, "rect", { class: "brush", y: TOP, height: FLOOR - TOP, width: 0 });
    this.ring = add(svg, "circle", { class: "ring", r: 8, cx: -20, cy: -20 });
  }

  drawPlaces(svg) {
    let free = 0, named = 0, last = "";
    for (const part of this.parts) {
      const wide = (part.end - part.start) * part.scale;
      add(svg, "path", { class: "floor", d: `M${part.x} ${FLOOR}h${wide}` });
      const step = niceStep(((part.end - part.start) * 85) / Math.max(wide, 1));
      const first = Math.ceil((part.start + 1) / step) * step;
      // A region that holds no round number is marked where it begins.
      for (let p = first > part.end ? part.start + 1 : first; p <= part.end; p += step) {
        const x = part.x + (p - 0.5 - part.start) * part.scale;
        if (x < free || x > this.width - 36) continue;
        add(svg, "path", { class: "axis", d: `M${x} ${FLOOR}v5` });
        write(svg, "tick", x, FLOOR + 18, whole(p), "middle");
        free = x + 80;
      }
      // A contig is named where it begins, if there is room for it.
      if (part.contig === last || part.x < named) continue;
      write(svg, "tick strong", part.x, HIGH - 4, part.contig);
      named = part.x + 7 * part.contig.length + 10;
      last = part.contig;
    }
  }

  // One path a class for the stems and one for the heads: thousands cost no more than ten.
  lollipops(svg, alleles, kind) {
    const stems = {}, heads = {}, points = [];
    if (alleles.length > CROWDED) kind += " crowded";
    const size = alleles.length > CROWDED ? 0.75 : 1;
    for (const a of alleles) {
      const place = this.at(a);
      if (!place) continue;
      const [x, y] = place.map((v) => Number(v.toFixed(1)));
      points.push([x, y, a]);
      stems[a.class] = (stems[a.class] || "") + `M${x} ${FLOOR}V${y}`;
      heads[a.class] = (heads[a.class] || "") + headAt(a.class, x, y, size);
    }
    for (const name of ["error", "undecided", "repeat", "variant"]) {
      if (!heads[name]) continue;
      add(svg, "path", { class: `stem c-${name} ${kind}`, d: stems[name] });
      add(svg, "path", { class: `head c-${name} ${kind}`, d: heads[name] });
    }
    return points;
  }

  nearest(event) {
    const box = this.host.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, least = 20 ** 2;
    for (const [px, py, a] of this.points) {
      // A stem is part of its allele: height counts less than place.
      const onStem = y > py && y < FLOOR + 6;
      const far = (px - x) ** 2 + (onStem ? 0 : (py - y) ** 2) + Math.abs(py - y) / 100;
      if (far < least) [least, best] = [far, [px, py, a]];
    }
    return best;
  }

  point(found) {
    if (!this.ring) return;
    this.ring.setAttribute("cx", found ? found[0] : -20);
    this.ring.setAttribute("cy", found ? found[1] : -20);
    this.readout.textContent = found ? lineOf(found[2]) : this.readout.dataset.hint;
  }

  moved(event) {
    if (this.from === undefined || this.from === null) return this.point(this.nearest(event));
    this.brushed(event.clientX - this.host.getBoundingClientRect().left);
  }

  pressed(event) {
    if (event.button) return;
    this.from = event.clientX - this.host.getBoundingClientRect().left;
    if (event.pointerType === "mouse") this.host.setPointerCapture(event.pointerId);
  }

  brushed(x) {
    const [a, b] = x === null ? [0, 0] : [Math.min(x, this.from), Math.max(x, this.from)];
    this.brush.setAttribute("x", a);
    this.brush.setAttribute("width", b - a > 5 ? b - a : 0);
  }

  released(event) {
    if (this.from === undefined || this.from === null) return;
    const x = event.clientX - this.host.getBoundingClientRect().left;
    const [a, b] = [Math.min(x, this.from), Math.max(x, this.from)];
    this.from = null;
    this.brushed(null);
    if (b - a <= 5) {
      const found = this.nearest(event);
      if (found) this.onPick(found[2]);
      return;
    }
    const first = this.place(a), last = this.place(b);
    const end = this.parts.findLast((p) => p.contig === first.contig).end;
    const to = last.contig === first.contig ? last.position : end;
    this.onRange(`${first.contig}:${whole(first.position)}-${whole(to)}`);
  }
}

function lineOf(a) {
  const share = `${percent(a.fraction)} of ${whole(a.depth)}`;
  return `${nameOf(a)} · ${a.class} · ${share} · P(real) ${probability(a.posterior)}`;
}

function headAt(name, x, y, size) {
  const r = (name === "repeat" ? 5.5 : name === "error" ? 3.2 : 4.5) * size, d = 2 * r;
  if (name === "error") return `M${x - r} ${y - r}l${d} ${d}m0 ${-d}l${-d} ${d}`;
  if (name === "repeat") return `M${x} ${y - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}Z`;
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${d} 0a${r} ${r} 0 1 0 ${-d} 0Z`;
}

function niceStep(least) {
  const ten = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((m) => m * ten).find((step) => step >= least);
}
