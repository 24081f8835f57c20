"""Other people's cases: conformance kits that live outside the project."""
