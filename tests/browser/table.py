"""Page object of the game: what a player can do and read."""

from typing import Literal

from playwright.sync_api import Locator, Page, expect

Move = Literal["rock", "paper", "scissors"]


class Table:
    """An open page. Methods wait for what the player sees, not for a time."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.lobby = page.get_by_role("button", name="Start the game")
        self.moves = page.get_by_role("group", name="Your move this round")
        self.rounds = page.locator("#rounds > li")
        self.problem = page.get_by_role("alert")
        self.finish = page.get_by_role("button", name="Play again")
        self.prediction = page.locator("section:has(> #prediction)")

    def open(self, path: str = "/") -> "Table":
        """Open the page and wait until it shows the lobby or a game."""
        self.page.goto(self.url + path)
        expect(self.page.locator("body")).not_to_have_attribute("data-phase", "loading")
        return self

    def opponent(self, name: str) -> Locator:
        """Return the radio button of an opponent."""
        return self.page.get_by_role("group", name="Choose your opponent").get_by_role("radio", name=name)

    def start(self, opponent: str = "Brian", name: str | None = None) -> "Table":
        """Choose an opponent and start a game."""
        self.opponent(opponent).check(force=True)
        if name is not None:
            self.page.get_by_label("Your name").fill(name)
        self.lobby.click()
        return self.ready(1)

    def ready(self, round_no: int) -> "Table":
        """Wait until round `round_no` can be played."""
        expect(self.page.locator("#round-label")).to_have_text(f"Round {round_no}")
        expect(self.move("rock")).to_have_attribute("aria-disabled", "false")
        return self

    def move(self, move: Move) -> Locator:
        """Return the button of a move."""
        return self.moves.locator(f"button[data-move={move}]")

    def settled(self, rounds: int) -> bool:
        """Wait until `rounds` rounds are shown and the game is over or the next can be played; return if it is over."""
        expect(self.rounds).to_have_count(rounds)
        over_or_ready = self.page.locator(
            "body[data-phase=finished], body:has(.move[data-move=rock][aria-disabled=false])"
        )
        expect(over_or_ready).to_have_count(1)
        return self.page.locator("body").get_attribute("data-phase") == "finished"

    @property
    def game_id(self) -> str:
        """The id of the game in the browser's storage."""
        found = self.page.evaluate("localStorage.getItem('rps-lite-game')")
        assert isinstance(found, str)
        return found
