"""One backend for each test of a contract, broken in that one way; run by test_broken.py, not by itself."""
