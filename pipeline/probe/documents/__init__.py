"""Facts about scripts that stand in documents of word processors and spreadsheets."""
