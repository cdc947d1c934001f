"""No text leaves its box, on any screen and at any width."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.server import GameServer
from tests.browser.table import Table
from tests.browser.test_insight import play_rounds
from tests.browser.test_play import play_to_the_end

pytestmark = pytest.mark.browser

WIDTHS = (320, 360, 390, 1_280, 1_440)
# Each line of text is compared with every box around it up to one that scrolls, and with the page; in a plot, also with
# the other texts. The boxes of a line are a little higher than the line itself.
OVERRUNS = """async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await drawn();
  await drawn();
  const found = new Set();
  const page = document.documentElement;
  const sideways = page.scrollWidth - page.clientWidth;
  if (sideways > 0) found.add(`the page is ${sideways} px too wide`);
  const classOf = (box) => box.getAttribute("class") ?? "";
  const nameOf = (box) => `${box.tagName.toLowerCase()}${box.id ? "#" + box.id : ""}.${classOf(box)}`;
  const short = (words) => `"${words.length > 40 ? words.slice(0, 40) + "…" : words}"`;
  const isTiny = (box) => box.offsetWidth <= 1 && box.offsetHeight <= 1;
  const isHidden = (box) => isTiny(box) || box.matches(".visually-hidden, .skip-link");
  const range = document.createRange();
  const root = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.data.trim();
    const parent = walker.currentNode.parentElement;
    if (!words || !parent.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    range.selectNodeContents(walker.currentNode);
    const lines = [...range.getClientRects()].filter((line) => line.width > 0);
    const slack = 0.3 * parseFloat(getComputedStyle(parent).fontSize);
    for (let box = parent; box && box !== page; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (box instanceof HTMLElement && isHidden(box)) break;
      const cuts = style.overflowX !== "visible";
      if (/auto|scroll/.test(style.overflow) || (cuts && style.textOverflow === "ellipsis")) break;
      if (/^inline$|contents|none/.test(style.display)) continue;
      const edge = box.getBoundingClientRect();
      for (const line of lines) {
        const over = Math.max(edge.left - line.left, line.right - edge.right);
        const high = Math.max(edge.top - line.top, line.bottom - edge.bottom) - slack;
        if (over > 1.5 || (high > 1.5 && box !== document.body))
          found.add(`${short(words)} leaves ${nameOf(box)} by ${Math.round(Math.max(over, high))} px`);
      }
      if (/absolute|fixed/.test(style.position)) break;
    }
  }
  for (const plot of root.querySelectorAll("svg")) {
    const texts = [...plot.querySelectorAll("text")].filter((text) => text.checkVisibility());
    const boxes = texts.map((text) => text.getBoundingClientRect());
    boxes.forEach((one, first) => boxes.slice(0, first).forEach((other, second) => {
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (across > 2 && down > 4)
        found.add(`${short(texts[first].textContent)} lies on ${short(texts[second].textContent)} in ${nameOf(plot)}`);
    }));
  }
  return [...found];
}"""


def overruns_at_every_width(page: Page, screen: str = "observatory") -> list[str]:
    """Return the texts that leave their boxes, with screen and width; the page is loaded once and resized."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 860})
        found += [f"{screen}, {width} px: {overrun}" for overrun in page.evaluate(OVERRUNS)]
    return found


def test_no_text_leaves_its_box_on_any_screen_of_the_game(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    page = open_context(reduced_motion="reduce").new_page()
    table, found = Table(page, server.url).open(), list[str]()

    def look(screen: str) -> None:
        found.extend(overruns_at_every_width(page, screen))

    def look_at_dialog(button: str, closed_by: str = "Escape") -> None:
        page.get_by_role("button", name=button).click()
        expect(page.locator("dialog[open]")).to_be_visible()
        look(button)
        page.keyboard.press(closed_by)

    look("lobby")
    look_at_dialog("How to play")
    look_at_dialog("Settings")
    table.start("Forrest", name="W" * 32)
    look("first round")
    play_rounds(table, "rock", "paper", "scissors", "rock", "rock")
    look("sixth round")
    look_at_dialog("Why this move?")
    look_at_dialog("Leave this game")
    play_to_the_end(table)
    look("finish")
    table.open("/ui-lite-debug")
    look("debug")
    page.get_by_role("button", name="Choose another opponent").click()
    look("lobby after a game")
    page.goto(f"{server.url}/docs")
    look("docs")
    assert found == []


def test_text_that_leaves_its_box_is_found(open_context: Callable[..., BrowserContext], server: GameServer) -> None:
    page = Table(open_context().new_page(), server.url).open().page
    page.locator("#start-button").evaluate(
        "button => { button.style.width = '40px'; button.style.whiteSpace = 'nowrap'; }"
    )
    assert any("leaves button#start-button" in overrun for overrun in page.evaluate(OVERRUNS))
