"""Facts about video and audio."""
