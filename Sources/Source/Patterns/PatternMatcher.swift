/// Searches a pattern in texts, many of which begin alike. Builds the deterministic automaton while it goes and keeps
/// what it built, so a value is used for many texts; it is not shared between threads.
struct PatternMatcher {
    /// What is before a position.
    private enum Before: UInt8 { case start, newline, word, other }

    /// What is after a position.
    private enum After {
        case scalar(Unicode.Scalar)
        case end
        /// Something, but it is not known what: an assertion about it holds only if it holds for everything.
        case unknown
        /// Something that may be chosen: an assertion about it holds if it can.
        case hopeful
    }

    private struct Key: Hashable {
        var kernel: [Int32]
        var before: UInt8
    }

    private struct State {
        var kernel: [Int32]
        var before: Before
        /// For each ASCII scalar the next state × 2 + 1 if the pattern matched before it; -1 where not built yet.
        var next = [Int32](repeating: -1, count: 128)
        var matchesAtEnd: Bool?
    }

    private static let mostStates = 2000

    private let program: PatternProgram
    private var states: [State] = []
    private var numbers: [Key: Int32] = [:]
    private var visited: [Bool]
    /// What texts begin with, and the state after it: `nil` when the pattern matched in it already.
    private var begun: (prefix: String, state: Int32?)?

    init(_ program: PatternProgram) {
        self.program = program
        visited = [Bool](repeating: false, count: program.instructions.count)
    }

    /// What all texts from here on begin with; nothing unless it is said.
    mutating func begin(_ prefix: String) {
        if states.count > PatternMatcher.mostStates {
            states.removeAll()
            numbers.removeAll()
        }
        var text = prefix
        begun = (prefix, text.withUTF8 { run($0, from: number(of: [0], .start)) })
    }

    /// Whether the pattern is found anywhere in the beginning and `text`.
    mutating func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches($0) }
    }

    /// As with a string of these bytes, which must be UTF-8.
    mutating func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let state = run(text) else { return true }
        if let known = states[Int(state)].matchesAtEnd { return known }
        let result = closure(of: state, .end).matched
        states[Int(state)].matchesAtEnd = result
        return result
    }

    /// What is known of all texts that go on with `prefix` and are longer.
    /// - Returns: `certain` when every one of them matches, `possible` when at least one may.
    mutating func searchPrefix(_ prefix: String) -> (certain: Bool, possible: Bool) {
        var prefix = prefix
        guard let state = prefix.withUTF8({ run($0) }) else { return (true, true) }
        let certain = closure(of: state, .unknown).matched
        let hope = closure(of: state, .hopeful)
        return (certain, certain || hope.matched || !hope.consuming.isEmpty)
    }

    /// - Returns: The state after the beginning and `text`, or `nil` when the pattern matched before its end.
    private mutating func run(_ text: UnsafeBufferPointer<UInt8>) -> Int32? {
        if begun == nil || states.count > PatternMatcher.mostStates { begin(begun?.prefix ?? "") }
        guard let start = begun?.state else { return nil }
        return run(text, from: start)
    }

    private mutating func run(_ text: UnsafeBufferPointer<UInt8>, from start: Int32) -> Int32? {
        var state = start
        var position = 0
        while position < text.count, text[position] < 0x80 {
            let byte = Int(text[position])
            var step = states[Int(state)].next[byte]
            if step < 0 {
                step = advance(state, Unicode.Scalar(UInt8(byte)))
                states[Int(state)].next[byte] = step
            }
            if step & 1 == 1 { return nil }
            state = step >> 1
            position += 1
        }
        guard position < text.count else { return state }
        for scalar in String(decoding: text[position...], as: UTF8.self).unicodeScalars {
            let step = advance(state, scalar)
            if step & 1 == 1 { return nil }
            state = step >> 1
        }
        return state
    }

    private mutating func number(of kernel: [Int32], _ before: Before) -> Int32 {
        let key = Key(kernel: kernel, before: before.rawValue)
        if let known = numbers[key] { return known }
        let number = Int32(states.count)
        states.append(State(kernel: kernel, before: before))
        numbers[key] = number
        return number
    }

    private mutating func advance(_ state: Int32, _ scalar: Unicode.Scalar) -> Int32 {
        let (matched, consuming) = closure(of: state, .scalar(scalar))
        if matched { return state << 1 | 1 }
        // A search may begin at every position.
        var kernel: [Int32] = [0]
        for index in consuming {
            if case .scalar(let set) = program.instructions[index], set.contains(scalar) { kernel.append(Int32(index + 1)) }
        }
        kernel.sort()
        let before: Before = scalar == "\n" ? .newline : ScalarSet.word.contains(scalar) ? .word : .other
        return number(of: kernel, before) << 1
    }

    /// The scalar instructions that are reached from a state without consuming, and whether the end of the program is.
    private mutating func closure(of state: Int32, _ after: After) -> (matched: Bool, consuming: [Int]) {
        let before = states[Int(state)].before
        var stack = states[Int(state)].kernel.map(Int.init)
        var seen: [Int] = []
        var consuming: [Int] = []
        var matched = false
        while let index = stack.popLast() {
            if visited[index] { continue }
            visited[index] = true
            seen.append(index)
            switch program.instructions[index] {
            case .scalar: consuming.append(index)
            case .assertion(let assertion):
                if PatternMatcher.holds(assertion, before, after) { stack.append(index + 1) }
            case .split(let other): stack += [other, index + 1]
            case .jump(let target): stack.append(target)
            case .match: matched = true
            }
        }
        for index in seen { visited[index] = false }
        return (matched, consuming)
    }

    private static func holds(_ assertion: PatternSyntax.Assertion, _ before: Before, _ after: After) -> Bool {
        switch (assertion, after) {
        case (.textStart, _): before == .start
        case (.lineStart, _): before == .start || before == .newline
        case (_, .unknown): false
        // `prefix` is followed by something, so the text cannot end there.
        case (.textEnd, .hopeful): false
        case (_, .hopeful): true
        case (.textEnd, .end), (.lineEnd, .end): true
        case (.textEnd, .scalar): false
        case (.lineEnd, .scalar(let scalar)): scalar == "\n"
        case (.wordBoundary, .end): before == .word
        case (.wordBoundary, .scalar(let scalar)): (before == .word) != ScalarSet.word.contains(scalar)
        case (.noWordBoundary, .end): before != .word
        case (.noWordBoundary, .scalar(let scalar)): (before == .word) == ScalarSet.word.contains(scalar)
        }
    }
}
