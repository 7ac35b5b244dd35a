"""Facts about papers: cards that say who somebody is, and letters that somebody signed."""
