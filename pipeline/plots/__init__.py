"""Pictures for reports: small, made in workers, never needed for a verdict.

Each function gives WebP bytes or None. What cannot be shown is not an error of the report: the file itself
was judged elsewhere.
"""
