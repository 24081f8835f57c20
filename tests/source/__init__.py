"""Tests of fluxkit.source: with real git, a real HTTP server and a real sshd."""
