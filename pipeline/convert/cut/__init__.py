"""A video that shows a deck, cut by page."""
