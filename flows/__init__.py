"""The order of the steps: Prefect flows and the command line."""
