"""Voice packages."""
