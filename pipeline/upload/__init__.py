"""Handing a prepared batch to a platform: each asset once, intact, and proven at the far end."""
