"""Facts about scripts and subtitles."""
