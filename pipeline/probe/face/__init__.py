"""Facts about faces in photos."""
