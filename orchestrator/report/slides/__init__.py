"""The slides of a whole study: plain values, and the two ways in which they are typeset."""
