"""The file formats: each module reads the bytes of one into a document and writes a document as bytes.

The layout of what is written is upstream's, byte for byte, because a Secret's name may carry a hash of it.
"""
