"""Facts about pictures."""
