/** Polls at a steady pace, more slowly after each failure, and not while the page is hidden. */

const EVERY_MS = 2_000;
const LONGEST_MS = 60_000;

/** The pause after a number of failures in a row. @param {number} failures */
export function pauseMs(failures) {
  return Math.min(LONGEST_MS, EVERY_MS * 2 ** failures);
}

/** @param {{ask: () => Promise<void>, onFailure: (error: unknown, nextMs: number) => void}} options */
export function poll({ ask, onFailure }) {
  let failures = 0;
  let waiting = 0;
  let asking = false;

  async function turn() {
    if (asking || document.hidden) return;
    asking = true;
    clearTimeout(waiting);
    try {
      await ask();
      failures = 0;
    } catch (error) {
      failures += 1;
      onFailure(error, pauseMs(failures));
    }
    asking = false;
    waiting = setTimeout(() => void turn(), pauseMs(failures));
  }

  document.addEventListener("visibilitychange", () => void turn());
  addEventListener("online", () => void turn());
  void turn();
}
