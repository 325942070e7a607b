"""The runner flow."""
