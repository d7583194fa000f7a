"""A folder of images as a table: its layout, the polarity of its classes, groups, and the manifest."""
