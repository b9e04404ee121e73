"""Importers: outcomes that other tools published or wrote, as the tables of this project.

``registry`` lists the formats by name; every other format is one file that registers itself.
``documents`` and ``streams`` own how files are found and read within bounds, ``parts`` what an
importer hands on, ``intake`` which rows are taken, ``folder`` (of ``destination``) where they go.
"""
