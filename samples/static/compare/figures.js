/* Percentiles, charts and verdicts. A difference that is smaller than the spread is none. */

import { ms, size, svg } from "./dom.js";
import { facts } from "./facts.js";

export const LABELS = { rest: "REST", graphql: "GraphQL", grpc: "gRPC-Web", native: "gRPC" };

export function percentile(samples, percent) {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(place);
  return sorted[below] + (sorted[Math.ceil(place)] - sorted[below]) * (place - below);
}

/** The median distance from the median: half of the runs are within it. A few slow runs do not change it. */
export function spread(samples) {
  const median = percentile(samples, 50);
  return percentile(samples.map((sample) => Math.abs(sample - median)), 50);
}

/** Return the protocols that are as fast as the fastest, within the spread. */
export function fastest(figures) {
  const names = Object.keys(figures);
  const best = names.reduce((a, b) => (figures[a].p50 <= figures[b].p50 ? a : b));
  const isSame = (name) => figures[name].p50 - figures[best].p50 <= Math.max(figures[best].spread, figures[name].spread);
  return names.filter(isSame);
}

export function verdict(figures, distance) {
  const names = Object.keys(figures);
  const far = Object.fromEntries(
    names.map((name) => [name, { ...figures[name], p50: figures[name].p50 + figures[name].trips * distance }]),
  );
  const quick = fastest(far);
  const listed = (some) => some.map((name) => LABELS[name]).join(", ");
  const total = (name) => figures[name].up + figures[name].down;
  const small = names.reduce((a, b) => (total(a) <= total(b) ? a : b));
  const least = Math.min(...names.map((name) => figures[name].requests));
  const few = names.filter((name) => figures[name].requests === least);
  const parts = [
    quick.length === names.length ? "No difference in time" : `Fastest: ${listed(quick)} (${ms(far[quick[0]].p50)})`,
    `fewest bytes: ${LABELS[small]} (${size(total(small))})`,
  ];
  if (few.length < names.length) parts.push(`fewest requests: ${listed(few)} (${least})`);
  return `${parts.join("; ")}.`;
}

/** Draw the runs as dots, and the median as a line. `most` is the time at the right edge. */
export function chart(samples, most) {
  const [width, height] = [300, 44];
  const x = (value) => 4 + (Math.min(value, most) / most) * (width - 8);
  const median = percentile(samples, 50);
  const text = `${samples.length} runs from ${ms(Math.min(...samples))} to ${ms(Math.max(...samples))}, median ${ms(median)}`;
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text },
    svg("line", { class: "axis", x1: 4, x2: width - 4, y1: 30, y2: 30 }),
    samples.map((value, n) => svg("circle", { class: "run", cx: x(value), cy: 8 + ((n * 7) % 5) * 4, r: 3 })),
    svg("line", { class: "median", x1: x(median), x2: x(median), y1: 2, y2: 30 }),
    svg("text", { x: 4, y: 42 }, "0"),
    svg("text", { x: width - 4, y: 42, "text-anchor": "end" }, ms(most)),
  );
}

export const nativeOf = (slug) => facts.native[slug];
