"""Boards: named pages of panels, each a question with its parameters and a way to show the answer, kept in a file."""
