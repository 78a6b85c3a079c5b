"""What files and texts really hold, measured; tested on made inputs of known answer."""
