/// Finds the name that a misspelt one was meant to be.
enum Spelling {
    /// The nearest of `names`; `nil` when none is near enough to be worth a question.
    static func nearest(to name: String, in names: [String]) -> String? {
        // Nobody misspells a field into a text.
        guard name.utf8.count <= 40 else { return nil }
        let word = Array(name.lowercased())
        let limit = word.count <= 4 ? 1 : word.count <= 8 ? 2 : 3
        let candidates = names.map { (name: $0, distance: distance(word, Array($0.lowercased()))) }
        return candidates.filter { $0.distance <= limit }.min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
    static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }

    /// `did you mean 'replicas'?`, or nothing.
    static func question(about name: String, in names: [String]) -> String? {
        nearest(to: name, in: names).map { "did you mean '\($0)'?" }
    }
}
