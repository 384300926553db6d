"""Text for a terminal: tables, diagnostics, progress."""
