import Testing

/// What takes a part away that all tests share. One after the other, and `scripts/test` runs nothing beside them.
@Suite(.serialized) enum OutageTests {}
