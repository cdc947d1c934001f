"""Tests of the Helm chart, with the real Helm: what it renders, refuses and documents."""
