"""The extract flow."""
