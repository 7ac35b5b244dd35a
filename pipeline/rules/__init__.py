"""Presets to rules, judging, planning: pure."""
