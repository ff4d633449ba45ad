"""Images and masks of a user, or of a public data set, as the lists that a training reads."""
