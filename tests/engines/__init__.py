"""The game in Firefox and in WebKit, by `make test-browsers`; not part of CI."""
