"""The shipped policies, as data."""
