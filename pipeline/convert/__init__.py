"""Repair: one module for each kind of file, each with HANDLES, steps and convert."""
