"""What follows a training, from the run's folder alone."""
