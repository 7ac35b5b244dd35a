"""One asset through the stages."""
