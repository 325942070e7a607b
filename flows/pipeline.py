"""The pipeline flow."""
