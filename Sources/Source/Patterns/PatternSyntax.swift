/// What a pattern means, before it is compiled.
indirect enum PatternSyntax: Sendable, Equatable {
    case empty
    case scalar(ScalarSet)
    case assertion(Assertion)
    case sequence([PatternSyntax])
    case choice([PatternSyntax])
    /// `most == nil`: without end.
    case repetition(PatternSyntax, least: Int, most: Int?)

    /// A condition on a position, which consumes nothing.
    enum Assertion: Sendable, Equatable {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
    }
}
