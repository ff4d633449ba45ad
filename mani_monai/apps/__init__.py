"""One package a command: what a user runs, on top of the pieces."""
