"""Everything a person types: the command line, `rps up`, operations, importers and the settings reference."""
