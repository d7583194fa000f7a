"""A folder of images as a table: layouts, groups, and the manifest."""
