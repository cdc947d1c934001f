/** The day of a session. A new session starts at midnight Pacific time. */

const ZONE = "America/Los_Angeles";
const DAY = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const SHORTEST_MS = 60_000;

/** @param {Date} [moment] @returns {string} YYYY-MM-DD */
export function pacificDay(moment = new Date()) {
  return DAY.format(moment);
}

/** Milliseconds to the next Pacific midnight, at least a minute. An hour off on days with 23 or 25 hours. @param {Date} [moment] */
export function untilMidnightMs(moment = new Date()) {
  const [hours = 0, minutes = 0, seconds = 0] = CLOCK.format(moment).split(":").map(Number);
  return Math.max(SHORTEST_MS, 1000 * (86_400 - 3600 * (hours % 24) - 60 * minutes - seconds));
}

/** Call back after each Pacific midnight while the page is open. @param {() => void} onNewDay */
export function watchDay(onNewDay) {
  let day = pacificDay();
  function look() {
    const today = pacificDay();
    if (today !== day) {
      day = today;
      onNewDay();
    }
    setTimeout(look, untilMidnightMs());
  }
  setTimeout(look, untilMidnightMs());
}
