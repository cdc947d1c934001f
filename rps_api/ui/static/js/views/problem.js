/** The message about a problem, with a button to try again. */
/** @import {State} from "../../../types/page.js" */
import { byId, setText } from "../dom.js";

/** @param {{onRetry: () => void}} options */
export function createProblem({ onRetry }) {
  const root = byId("problem");
  const action = byId("problem-action");
  action.addEventListener("click", onRetry);

  return {
    /** @param {State} state */
    render(state) {
      const { problem } = state;
      if (problem) {
        setText(byId("problem-title"), problem.title);
        setText(byId("problem-text"), problem.text);
        setText(action, state.busy ? "Trying again…" : problem.action);
      }
      root.hidden = problem === null;
    },
  };
}
