import Foundation

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// What a build runs at the moment: `RUN` of a Dockerfile.
enum BuildStep {
    /// How buildah, which is part of Podman, calls the process that waits for a step. Asked to end, it kills the step and removes what the
    /// container runtime knows of it.
    private static let runner = "buildah-"

    /// Asks the step of a build to end; without one, the build itself.
    /// - Parameter podman: the build's process.
    static func end(of podman: pid_t) {
        let runners = descendants(of: podman).filter { name(of: $0).hasPrefix(runner) }
        for process in runners.isEmpty ? [podman] : runners { kill(process, SIGTERM) }
    }

    /// From proc(5); none where there is no such thing, as on macOS, where builds run in a machine of Podman's.
    private static func descendants(of ancestor: pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            // The parent is the second field behind the name, which is in brackets and may hold anything.
            guard let process = pid_t(entry), let stat = FileManager.default.contents(atPath: "/proc/\(entry)/stat"),
                let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " "), fields.count > 1,
                let parent = pid_t(fields[1])
            else { continue }
            children[parent, default: []].append(process)
        }
        var found: [pid_t] = []
        var next = children[ancestor] ?? []
        while let process = next.popLast() {
            found.append(process)
            next += children[process] ?? []
        }
        return found
    }

    /// The first word of its command line.
    private static func name(of process: pid_t) -> String {
        let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        return String(decoding: line.prefix { $0 != 0 }, as: UTF8.self)
    }
}
