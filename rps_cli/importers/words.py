"""Words of foreign files in English, Spanish, German, French and Portuguese: names of columns, moves, results."""

import re
import unicodedata
from collections.abc import Collection

MOVES_BY_WORD = {
    word: move
    for move, words in {
        "rock": "rock rocks stone piedra roca stein fels pierre caillou roche pedra rocha 🪨 ✊ 👊",
        "paper": "paper papers papel papier feuille 📄 📃 ✋ 🖐",
        "scissors": "scissors scissor tijera tijeras schere scheren ciseaux ciseau tesoura tesouras ✂ ✌",
        "none": "none timeout",
    }.items()
    for word in words.split()
}
MOVES_BY_LETTER = {"r": "rock", "p": "paper", "s": "scissors"}
_LETTERS_AND_WORDS = MOVES_BY_LETTER | MOVES_BY_WORD
# Selectors of a form, skin tones, blanks without a width.
_INVISIBLE = frozenset("\ufe0f\u200b\u2060\ufeff🏻🏼🏽🏾🏿")
_MARKS = " =\"'“”„‟‘’‚‛«»‹›`.,;:!?()[]{}"
HOLES = ("", "na", "n/a", "nan", "nat", "null", "none", "nil", "<na>", "#n/a", "missing", "undefined")

_PLAYER = frozenset(
    "player user human you your my me subject participant person jugador usuario humano spieler mensch mein "
    "joueur humain utilisateur moi jogador p 1".split()
)
_BOT = frozenset(
    "bot computer comp cpu ai machine agent opponent opp enemy rival robot program model algorithm house dealer "
    "computadora ordenador maquina oponente adversario ki gegner rechner maschine ordinateur adversaire ia computador "
    "2".split()
)
_MOVE = frozenset(
    "move choice action throw hand play played pick selection select response gesture sign weapon jugada eleccion "
    "movimiento zug wahl coup choix geste jogada escolha movimento lance".split()
)
_FILL = frozenset("s the of de del do da du des le la l el o s made chosen id value name".split())
_INDEX = frozenset("number no num nr index idx id i n code".split())
_NAMES: dict[str, frozenset[str]] = {
    ours: frozenset(words.split())
    for ours, words in {
        "round": "round trial turn step subsession ronda turno ensayo runde durchgang versuch zug manche tour essai "
        "rodada",
        "game_id": "game match pair dyad series block partida juego spiel partie jeu jogo session",
        "session_id": "subject participant user person player worker subj ppt pid sid uid prolific sujeto participante "
        "jugador usuario teilnehmer proband vp person spieler sujet joueur utilisateur sujeito jogador id uuid",
        "result": "result outcome res reward resultado ergebnis ausgang resultat issue",
        "winner": "winner ganador gewinner sieger gagnant vainqueur vencedor ganhador",
        "event_ts": "timestamp time date datetime when unix epoch created start onset ts fecha hora tiempo zeit datum "
        "zeitstempel uhrzeit heure temps horodatage data at ms utc",
        "bot_policy": "strategy opponent bot policy condition computer estrategia strategie bedingung gegner",
        "player": "player participant subject person role side who agent actor seat position bot human computer is "
        "jugador rol spieler rolle joueur jogador papel type",
    }.items()
}
_RESULTS = {
    "win": "win wins won w victory gana gano ganado ganador victoria gewonnen sieg gagne victoire ganhou vitoria",
    "lose": "lose loses lost loss l defeat pierde perdio perdido derrota verloren niederlage perdu defaite perdeu",
    "draw": "draw drew drawn tie tied d t even same nobody neither empate unentschieden remis egalite nul nadie keiner",
}
_RESULTS_BY_WORD = {word: result for result, words in _RESULTS.items() for word in words.split()}
# Scales of numbers; each needs its first number, because 0 and 1 alone can mean several things.
RESULT_SCALES = ({"-1": "lose", "0": "draw", "1": "win"}, {"0.5": "draw", "0": "lose", "1": "win"})
WINNER_SCALES = ({"2": "lose", "1": "win", "0": "draw"},)


def plain(text: str) -> str:
    """Return text in small letters without accents and invisible characters."""
    split = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter) and letter not in _INVISIBLE)


def code_of(text: str) -> str:
    """Return a move or its code in its plainest form: "rock!", ="Rock" and 1. rock are rock, 1.0 is 1."""
    code = re.sub(r"^\d+\s*[.):-]\s*(?=[^\W\d_])", "", plain(text).strip(_MARKS))
    return re.sub(r"\.0+$", "", code) or plain(text)


def example_coding(codes: Collection[str]) -> dict[str, str]:
    """Return a coding of codes for a message: by the move that a code names, otherwise in order."""
    coding: dict[str, str] = {}
    for code in codes:
        named = {_LETTERS_AND_WORDS[word] for word in (code, *tokens(code)) if word in _LETTERS_AND_WORDS}
        if len(named) == 1:
            coding[code] = named.pop()
    left = [move for move in MOVES_BY_LETTER.values() if move not in coding.values()]
    return coding | dict(zip((code for code in codes if code not in coding), left, strict=False))


def tokens(name: str) -> tuple[str, ...]:
    """Return the words of a column's name: playerMove, player.move and Player Move 1 are alike."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", "_", name)
    return tuple(filter(None, re.split(r"[\W_]+", plain(parted))))


def side_of(name: str) -> str | None:
    """Return player_move or bot_move if a column's name can mean such a move."""
    found = tokens(name)
    if not found or not set(found) <= _PLAYER | _BOT | _MOVE | _FILL:
        return None
    if set(found) & _BOT:
        return "bot_move"
    return "player_move" if set(found) & (_PLAYER | _MOVE) else None


def may_mean(ours: str, name: str) -> bool:
    """Return whether a column's name can mean one of ours."""
    found = set(tokens(name))
    return bool(found & _NAMES[ours]) and found <= _NAMES[ours] | _INDEX | _FILL


def names_bot(text: str) -> bool:
    """Return whether a name of a column or a player names a bot."""
    return bool(set(tokens(text)) & (_BOT - {"2"}))


def outcome_of(text: str) -> str | None:
    """Return the result for the player of a text like "won", "computer" or "You lose"."""
    found = set(tokens(text))
    said = next((_RESULTS_BY_WORD[word] for word in found if word in _RESULTS_BY_WORD), None)
    if said == "draw" or not found & _BOT:
        return said or ("win" if found & _PLAYER else None)
    return "win" if said == "lose" else "lose"


def looks_like_moves(values: Collection[str]) -> bool:
    """Return whether most values are moves, or all are letters or codes of moves."""
    known = sum(value in MOVES_BY_WORD for value in values)
    return bool(values) and (
        known * 2 >= len(values)
        or set(values) <= set(MOVES_BY_LETTER)
        or (1 < len(values) <= 4 and all(re.fullmatch(r"-?\d(\.0)?", value) for value in values))
    )


def coding_in(text: str) -> dict[str, str]:
    """Return the coding that a header or comment names, like "0=rock, 1=paper, 2=scissors"."""
    pairs = re.findall(r"([\w-]{1,8})\s*[=:]\s*(\w+)", text)
    coding = {plain(code): MOVES_BY_WORD[plain(word)] for code, word in pairs if plain(word) in MOVES_BY_WORD}
    turned = {plain(code): MOVES_BY_WORD[plain(word)] for word, code in pairs if plain(word) in MOVES_BY_WORD}
    best = max(coding, turned, key=len)
    return best if set(best.values()) >= {"rock", "paper", "scissors"} else {}
