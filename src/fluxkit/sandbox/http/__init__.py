"""The HTTP face of the API server: request parsing, content negotiation, handlers per verb, discovery documents.

Everything below it (registry, store) knows no HTTP; everything here decides nothing about objects.
"""
