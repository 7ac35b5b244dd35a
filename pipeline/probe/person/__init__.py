"""The person in footage, over its whole length."""
