"""Methods of distributed learning, and the parts they are made of.

Read `over_the_air/air_fedga.py` first: a method in one small file that follows its paper. Its parts live beside it
(`power_control`, `grouping`, `payload`, `aggregation`), the verbs it is written in come from `worlds/federation.py`,
and `parts.py` is the table of all names. A method never imports another method; what two share is a part.
"""
