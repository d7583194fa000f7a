"""Single image files: whether they can be used, how they are decoded and cropped."""
