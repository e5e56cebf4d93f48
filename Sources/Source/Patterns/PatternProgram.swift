/// A pattern compiled to a nondeterministic automaton. Matching takes time linear in the text for every pattern.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        case scalar(ScalarSet)
        case assertion(PatternSyntax.Assertion)
        /// Goes on at the next instruction and at `other`.
        case split(other: Int)
        case jump(Int)
        case match
    }

    private(set) var instructions: [Instruction] = []

    private static let largest = 20_000

    /// - Throws: `PatternParser.Failure` when the pattern is too large.
    init(_ syntax: PatternSyntax) throws(PatternParser.Failure) {
        try emit(syntax)
        instructions.append(.match)
    }

    private mutating func emit(_ syntax: PatternSyntax) throws(PatternParser.Failure) {
        guard instructions.count < PatternProgram.largest else { throw .init(reason: "the pattern is too large") }
        switch syntax {
        case .empty: break
        case .scalar(let set): instructions.append(.scalar(set))
        case .assertion(let assertion): instructions.append(.assertion(assertion))
        case .sequence(let parts):
            for part in parts { try emit(part) }
        case .choice(let branches): try emitChoice(branches)
        case .repetition(let part, let least, let most): try emitRepetition(part, least, most)
        }
    }

    private mutating func emitChoice(_ branches: [PatternSyntax]) throws(PatternParser.Failure) {
        var ends: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                try emit(branch)
                break
            }
            let split = instructions.count
            instructions.append(.match)
            try emit(branch)
            ends.append(instructions.count)
            instructions.append(.match)
            instructions[split] = .split(other: instructions.count)
        }
        for end in ends { instructions[end] = .jump(instructions.count) }
    }

    private mutating func emitRepetition(_ part: PatternSyntax, _ least: Int, _ most: Int?) throws(PatternParser.Failure) {
        for _ in 0..<least { try emit(part) }
        guard let most else {
            let split = instructions.count
            instructions.append(.match)
            try emit(part)
            instructions.append(.jump(split))
            instructions[split] = .split(other: instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<max(least, most) {
            splits.append(instructions.count)
            instructions.append(.match)
            try emit(part)
        }
        for split in splits { instructions[split] = .split(other: instructions.count) }
    }
}
