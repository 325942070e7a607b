"""The train flow."""
