"""Data sets from elsewhere: downloads, and archives that are unpacked safely."""
