"""The page in a real browser, against the real application in a process of its own."""
