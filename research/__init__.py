"""Scripts that make tables of the docs, outside CI and the wheel; README.md says which."""
