"""Facts about decks and PDFs."""
