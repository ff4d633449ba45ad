"""What the bundles' configs are for: a list for the command line, and the page of methods."""
