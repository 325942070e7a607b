"""The render flow."""
