"""Facts about archives."""
