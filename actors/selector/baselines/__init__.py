"""Baselines: simple ways of choosing that a tuned selector is measured against.

``registry`` lists them by name; every other way of choosing is one file that registers itself.
``seen`` and ``unfitted`` own what those that learn candidates, and those that learn nothing, have
in common.
"""
