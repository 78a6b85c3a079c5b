"""The process that carries one stream's media; it knows nothing of STS, HTTP or discovery."""
