/** Formats numbers and times for the observatory. */

const UNITS = /** @type {const} */ ([
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
]);

/** "12 minutes", "3 days". @param {string | null} moment @param {number} nowMs */
export function age(moment, nowMs) {
  const seconds = Math.max(0, (nowMs - Date.parse(moment ?? "")) / 1000);
  if (Number.isNaN(seconds)) return "–";
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }
  return "0 seconds";
}

/** @param {string | null} moment @param {number} nowMs */
export function ago(moment, nowMs) {
  const found = age(moment, nowMs);
  return found === "–" ? found : `${found} ago`;
}

/** @param {number | null} count */
export function whole(count) {
  return count === null ? "–" : count.toLocaleString("en");
}

/** "12.3 MB". @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })}\u202fMB`;
}

/** @param {number | null | undefined} share @param {number} [digits] */
export function share(share, digits = 0) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)}\u202f%`;
}

/** Brian, Forrest or Logan. @param {string} policy */
export function nameOf(policy) {
  return policy.charAt(0).toUpperCase() + policy.slice(1);
}
