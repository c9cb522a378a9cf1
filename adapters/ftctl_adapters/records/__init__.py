"""Rows of data files: bounded strict reading, and the formats people keep their chats in."""
