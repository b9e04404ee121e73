"""Importers: outcomes that other tools published or wrote, as the tables of this project.

``registry`` lists the formats by name; every format is one file that registers itself.
``documents`` and ``streams`` own how files are found and read within bounds, ``parts`` what a
format hands on, ``intake`` which rows are taken (``asked`` and ``tally`` remember), ``destination``
where they go.
"""
