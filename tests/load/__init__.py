"""Many clients at once against the real server: what was acknowledged is stored, once, and adds up."""
