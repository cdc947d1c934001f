"""Small screens, touch targets, contrast, labels and reduced motion."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from rps_core.game.moves import MOVES
from tests.browser.server import GameServer
from tests.browser.table import Table
from tests.browser.test_play import play_to_the_end

pytestmark = pytest.mark.browser

SMALL = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
SMALLEST_TARGET_PX = 48
# WCAG 2.2: text at level AA, text at level AAA, and user interface components.
TEXT_CONTRAST, ENHANCED_CONTRAST, PART_CONTRAST = 4.5, 7.0, 3.0
TEXT_PAIRS = [
    ("--ink", "--ground"),
    ("--ink", "--surface"),
    ("--ink-soft", "--ground"),
    ("--ink-soft", "--surface"),
    ("--ink-soft", "--sunken"),
    ("--you", "--ground"),
    ("--you", "--surface"),
    ("--bot", "--ground"),
    ("--bot", "--surface"),
    ("--best-ink", "--best"),
    ("--felt-ink", "--felt"),
    ("--felt-soft", "--felt"),
    ("--felt-soft", "--felt-edge"),
    ("--felt-ink", "--felt-line"),
    ("--token-ink", "--token"),
]
PART_PAIRS = [
    ("--line-strong", "--surface"),
    ("--line-strong", "--ground"),
    ("--you", "--sunken"),
    ("--bot", "--sunken"),
    ("--felt-you", "--felt"),
    ("--felt-bot", "--felt"),
]


def sideways_px(page: Page) -> int:
    """Return how much wider the page is than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def test_on_a_narrow_phone_rounds_stay_in_their_panel_and_the_rules_open_at_their_top(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    table = Table(open_context(**SMALL).new_page(), server.url).open().start("Forrest")
    for rounds, move in enumerate(MOVES, start=1):
        table.move(move).tap()
        table.settled(rounds)
    assert table.page.locator("#rounds").evaluate("list => list.scrollWidth - list.clientWidth") <= 0
    table.page.get_by_role("button", name="How to play").tap()
    expect(table.page.get_by_role("heading", name="How to play")).to_be_in_viewport(ratio=1)


def test_every_control_is_large_enough_for_a_thumb(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    table = Table(open_context(**SMALL).new_page(), server.url).open()
    _assert_thumb_sized(table.page)
    table.start()
    _assert_thumb_sized(table.page)
    play_to_the_end(table)
    _assert_thumb_sized(table.page)


def _assert_thumb_sized(page: Page) -> None:
    for control in page.locator("button, .opponent, input[type=text]").all():
        if not control.is_visible():
            continue
        box = control.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= SMALLEST_TARGET_PX, control.inner_text()


@pytest.mark.parametrize("options", [SMALL, {}], ids=["phone", "desktop"])
def test_the_buttons_stay_in_place_from_round_to_round(
    open_context: Callable[..., BrowserContext], server: GameServer, options: dict[str, object]
) -> None:
    table = Table(open_context(**options).new_page(), server.url).open().start()
    place = "moves => { const box = moves.getBoundingClientRect(); return [box.top + scrollY, box.width, box.height]; }"
    places = [table.moves.evaluate(place)]
    for rounds in range(1, 5):
        table.move("rock").click()
        table.settled(rounds)
        places.append(table.moves.evaluate(place))
    assert places == [places[0]] * len(places)


_SUM_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# A delay separates replies from the first paint, so that a missing placeholder shows as a shift.
_ANSWER_LATE = """
const answered = window.fetch;
window.fetch = async (...request) => {
  await new Promise(resolve => setTimeout(resolve, 250));
  return answered(...request);
};
"""
# Google rates a cumulative layout shift up to 0.1 as good.
LARGEST_SHIFT = 0.005


@pytest.mark.parametrize("options", [SMALL, {}], ids=["phone", "desktop"])
def test_nothing_shifts_while_a_page_loads(
    open_context: Callable[..., BrowserContext], server: GameServer, options: dict[str, object]
) -> None:
    page = open_context(**options).new_page()
    page.add_init_script(_SUM_SHIFTS)
    page.add_init_script(_ANSWER_LATE)
    Table(page, server.url).open()
    expect(page.get_by_text("12 of 12 models serving")).to_be_visible()
    expect(page.locator("#session-stats")).not_to_be_empty()
    assert page.evaluate("window.shifted") < LARGEST_SHIFT
    page.goto(f"{server.url}/observatory")
    expect(page.locator("body")).to_have_attribute("data-phase", "watching")
    expect(page.locator("#tallies")).not_to_contain_text("–")
    assert page.evaluate("window.shifted") < LARGEST_SHIFT


def test_colours_keep_their_contrast_in_every_theme(table: Table) -> None:
    page = table.open().page
    names = sorted({name for pair in TEXT_PAIRS + PART_PAIRS for name in pair})
    too_close = []
    for theme, text_contrast in (("light", TEXT_CONTRAST), ("dark", TEXT_CONTRAST), ("contrast", ENHANCED_CONTRAST)):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        colours = page.evaluate(_READ_COLOURS, names)
        too_close += [
            f"{front} on {back} in {theme}: {ratio:.2f}"
            for pairs, least in ((TEXT_PAIRS, text_contrast), (PART_PAIRS, PART_CONTRAST))
            for front, back in pairs
            if (ratio := _contrast(colours[front], colours[back])) < least
        ]
    assert too_close == []


# The browser resolves a custom property in the current theme. The style of an element returns it as rgb().
_READ_COLOURS = """names => {
  const probe = document.body.appendChild(document.createElement("i"));
  const read = name => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
  };
  return Object.fromEntries(names.map(name => [name, read(name)]));
}"""


def _contrast(first: list[int], second: list[int]) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21."""
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[int]) -> float:
    shares = [part / 255 for part in colour]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_nothing_moves_with_reduced_motion(open_context: Callable[..., BrowserContext], server: GameServer) -> None:
    table = Table(open_context(reduced_motion="reduce").new_page(), server.url).open().start()
    table.page.evaluate("window.moved = 0; document.addEventListener('transitionrun', () => { window.moved += 1; })")
    for rounds in (1, 2):
        table.move("rock").click()
        table.settled(rounds)
        assert table.page.evaluate("document.getAnimations().length") == 0
    assert table.page.evaluate("window.moved") == 0


def test_a_screen_reader_finds_landmarks_names_and_labels(table: Table) -> None:
    page = table.open().page
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1, name="RPS Quest")).to_be_visible()
    expect(page.get_by_role("group", name="Choose your opponent")).to_be_visible()
    for name in ("Brian Neural Network", "Forrest XGBoost", "Logan Logistic Regression"):
        expect(table.opponent(name)).to_have_count(1)
    table.start(name="Mira")
    expect(page.get_by_role("heading", name="Mira against Brian")).to_have_count(1)
    for move in ("rock", "paper", "scissors"):
        expect(table.moves.get_by_role("button", name=f"{move}, worth")).to_be_visible()
    expect(page.get_by_role("meter", name="chance to win")).to_be_visible()
    assert page.locator("[id]").evaluate_all("all => all.length - new Set(all.map(element => element.id)).size") == 0
    unnamed = "all => all.filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"
    assert page.locator("button, input, a[href]").evaluate_all(unnamed) == 0


def test_the_keys_play_no_move_while_the_rules_are_open(table: Table) -> None:
    table.open().start()
    table.page.get_by_role("button", name="How to play").click()
    rules = table.page.get_by_role("dialog", name="How to play")
    expect(rules).to_be_visible()
    table.page.keyboard.press("r")
    table.page.keyboard.press("Escape")
    expect(rules).to_be_hidden()
    expect(table.rounds).to_have_count(0)
    table.page.keyboard.press("r")
    table.settled(1)
