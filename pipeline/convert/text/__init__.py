"""Scripts and subtitles."""
