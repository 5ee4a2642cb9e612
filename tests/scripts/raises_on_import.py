"""Wrong in one way: its top level raises."""

raise RuntimeError("not today")
