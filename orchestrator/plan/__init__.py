"""Which trials there are: their data, keys, resources, and the record of it all."""
