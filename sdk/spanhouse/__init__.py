"""spanhouse: which of my functions are slow, how often, and since when?"""
