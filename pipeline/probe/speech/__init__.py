"""Facts about recordings of speech."""
