"""How well models predict recorded people: `rps evaluate`. Nothing is stored."""
