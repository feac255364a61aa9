"""One module per page; each has `draw`, which draws it from the top."""
