"""The assets of the graph: thin, decorated functions that call the plain packages of `rps_assets`."""
