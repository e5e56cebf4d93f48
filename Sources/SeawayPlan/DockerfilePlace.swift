import Foundation

/// Where in a Dockerfile a builder stopped. Pure.
enum DockerfilePlace {
    static func find(_ log: [String], in dockerfile: [String]) -> (line: Int, text: String)? {
        let lines = dockerfile.map(words)
        guard log.contains(where: { $0.contains("at STEP") }) else {
            guard let first = lines.firstIndex(where: { !$0.isEmpty && !$0.hasPrefix("#") }) else { return (1, "the file is empty") }
            let isMissing = log.contains { $0.localizedCaseInsensitiveContains("no FROM statement") }
            return isMissing ? (first + 1, "\(lines[first]) (there is no FROM before it)") : nil
        }
        guard let step = log.last(where: { $0.hasPrefix("STEP ") }), let colon = step.firstIndex(of: ":") else { return nil }
        let wanted = words(String(step[step.index(after: colon)...]))
        guard !wanted.isEmpty else { return nil }
        let found = lines.firstIndex { line in
            let start = line.hasSuffix("\\") ? words(String(line.dropLast())) : line
            return !start.isEmpty && (start == wanted || (line.hasSuffix("\\") && wanted.hasPrefix(start)))
        }
        return found.map { ($0 + 1, wanted) }
    }

    private static func words(_ line: String) -> String { line.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
