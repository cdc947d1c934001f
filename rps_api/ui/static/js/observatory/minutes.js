/** Counts of the last 60 minutes as bars. The current minute is hollow. */
import { makeSvg } from "../dom.js";
import { line, sized, text, titled } from "./svg.js";

const HEIGHT = 108;
const BASE = 84;
const TOP = 24;

/** @param {Element} plot @param {readonly number[]} counts oldest first @param {{unit: string, kind: string}} options */
export function drawMinutes(plot, counts, { unit, kind }) {
  const width = sized(plot, HEIGHT);
  const most = Math.max(1, ...counts);
  const step = width / counts.length;
  const recent = counts.slice(-6, -1);
  const mean = recent.reduce((sum, count) => sum + count, 0) / Math.max(1, recent.length);
  const bars = counts.map((count, index) => {
    const high = (count / most) * (BASE - TOP);
    const running = index === counts.length - 1;
    const bar = makeSvg("rect", {
      class: `minutes__bar minutes__bar--${kind} ${running ? "minutes__bar--running" : ""}`,
      x: index * step + 1,
      y: BASE - high,
      width: Math.max(1, step - 2),
      height: high,
      rx: 1.5,
    });
    return titled(bar, `${counts.length - 1 - index} minutes ago: ${count} ${unit}`);
  });
  plot.setAttribute(
    "aria-label",
    `${unit} by minute over the last hour: ${mean.toFixed(1)} a minute lately, at most ${most}`,
  );
  plot.replaceChildren(
    text(`${mean.toFixed(1)} ${unit} a minute`, 0, 15, { kind: "plot__text--strong" }),
    line(0, BASE, width, BASE, "plot__axis"),
    ...bars,
    text("1 hour ago", 0, HEIGHT - 8),
    text(`most ${most}`, width / 2, HEIGHT - 8, { anchor: "middle" }),
    text("now", width, HEIGHT - 8, { anchor: "end" }),
  );
}
