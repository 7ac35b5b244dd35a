"""The same report as JSON, table, JUnit and CSV."""
