"""Video and audio, by one ffmpeg run."""
