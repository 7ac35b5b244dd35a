"""`preflight serve`: the tool as a page on this machine. Nothing here decides about media."""
