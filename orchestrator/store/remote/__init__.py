"""Remote places of results and images: the one package that knows object storage."""
