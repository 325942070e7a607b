"""Coverage-guided fuzzing of the readers of files, see docs/fuzzing.md."""
