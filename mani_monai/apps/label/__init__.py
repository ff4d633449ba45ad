"""What a MONAI Label server needs of this project; nothing here imports MONAI Label."""
