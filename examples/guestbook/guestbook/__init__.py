"""A guestbook: visitors leave a line, everybody reads it."""
