"""What a strange bundle would do, found out without running anything of it."""
