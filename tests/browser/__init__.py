"""Tests of the pages in a real browser, against the application in a separate process."""
