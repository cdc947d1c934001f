/** Production against B for each family: both win rates with intervals, and the progress of the test. */
/** @import {Contestant, Family, Progress} from "../../../types/page.js" */
import { make, makeSvg, setText } from "../dom.js";
import { nameOf, share, whole } from "./format.js";
import { line, sized, text, titled } from "./svg.js";

const HEIGHT = 74;
const LEFT = 112;
const RIGHT = 88;

/** @type {Record<Progress["policy"], (threshold: string) => string>} */
const RULES = {
  sequential: (threshold) =>
    "Two games with equal conditions are a pair. Evidence starts at 1; each pair that only one of the two wins moves it. " +
    `At ${threshold}, B takes over: luck alone gets a B that is no better that far in at most 1 of ${threshold} comparisons.`,
  z_test: (threshold) => `A z test in every cycle: B takes over when z passes ${threshold}.`,
  lead: () => "The original’s rule: B takes over as soon as it leads.",
};

/** @param {Progress | undefined} progress */
export function ruleWords(progress) {
  return progress ? RULES[progress.policy](progress.threshold.toLocaleString("en", { maximumFractionDigits: 2 })) : "";
}

/** @param {Family} family */
function progressWords({ standing, still_needed: needed, next_decision_at: next }) {
  const waits = next && Date.parse(next) > Date.now() ? `next decision at ${timeOfDay(next)}` : "";
  return [standing, needed, waits].filter(Boolean).join("; ");
}

/** @param {string} moment */
function timeOfDay(moment) {
  return new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** @param {HTMLElement} root @param {readonly Family[]} families */
export function drawDuels(root, families) {
  while (root.children.length < families.length) root.append(frame());
  families.forEach((family, index) => {
    const box = root.children[index];
    if (!(box instanceof HTMLElement)) return;
    const [title, plot, bar, words] = box.children;
    if (!title || !plot || !(bar instanceof HTMLElement) || !words) return;
    setText(title, nameOf(family.policy));
    drawRates(plot, family);
    bar.style.setProperty("--share", String(family.progress.share));
    bar.dataset.reached = String(family.progress.is_reached);
    bar.setAttribute("aria-label", `Progress of the test of ${nameOf(family.policy)}`);
    bar.setAttribute("aria-valuenow", String(Math.round(100 * family.progress.share)));
    setText(words, progressWords(family));
  });
}

function frame() {
  const box = make("section", "duel");
  const bar = make("div", "duel__bar");
  bar.setAttribute("role", "meter");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  bar.append(make("span", "duel__fill"));
  box.append(make("h3", "duel__title"), makeSvg("svg", { class: "plot", role: "img" }), bar, make("p", "duel__words"));
  return box;
}

/** @param {Element} plot @param {Family} family */
function drawRates(plot, family) {
  const width = sized(plot, HEIGHT);
  const across = (/** @type {number} */ rate) => LEFT + rate * (width - LEFT - RIGHT);
  plot.setAttribute(
    "aria-label",
    `${contestantWords("Production", family.production)}; ${contestantWords("B", family.b)}`,
  );
  plot.replaceChildren(
    line(across(0.5), 4, across(0.5), 52, "plot__chance"),
    ...rateMarks("Production", family.production, 16, across, width),
    ...rateMarks("B", family.b, 42, across, width),
    text("half of the games won", across(0.5), 68, { anchor: "middle" }),
  );
}

/** @param {string} alias @param {Contestant} contestant */
function contestantWords(alias, { version, configuration_id: configuration, win_rate: rate, ties }) {
  if (!version) return `${alias}: empty`;
  const name = `${alias}, ${configuration ?? "unknown"}, now version ${version}`;
  return rate
    ? `${name}: won ${rate.hits} of ${rate.trials} decided games, ${ties} ties`
    : `${name}: no decided game yet`;
}

/** @param {string} alias @param {Contestant} contestant @param {number} y @param {(rate: number) => number} across @param {number} width */
function rateMarks(alias, contestant, y, across, width) {
  const { version, configuration_id: configuration, win_rate: rate } = contestant;
  const label = text(configuration ?? alias, 0, y + 5);
  if (!rate)
    return [
      label,
      text(version ? "no games yet" : "empty", width, y + 5, { anchor: "end", kind: "plot__text--faint" }),
    ];
  const kind = alias === "B" ? "duel__mark--b" : "duel__mark--production";
  const mark = makeSvg("rect", {
    class: `duel__mark ${kind}`,
    x: across(rate.low),
    y: y - 6,
    width: Math.max(2, across(rate.high) - across(rate.low)),
    height: 12,
    rx: 6,
  });
  return [
    label,
    titled(mark, contestantWords(alias, contestant)),
    makeSvg("circle", { class: "duel__dot", cx: across(rate.rate), cy: y, r: 4 }),
    text(`${share(rate.rate)} of ${whole(rate.trials)}`, width, y + 5, { anchor: "end" }),
  ];
}
