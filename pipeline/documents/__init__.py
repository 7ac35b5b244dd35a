"""The report and the manifest: typed, written and read in one place."""
