"""Puts documents in: walk, parse in a child process, chunk, embed, push."""
