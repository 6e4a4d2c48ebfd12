"""Adapters: other inference engines as engines under test of `isobatch audit`."""
