"""Files that declare what a server keeps, rules or boards: read strictly, refused with line and field."""
