import Foundation

/// The two tables of docs/kubernetes-versions.md.
struct KubernetesVersions {
    /// `apps/v1 deployments`, and the release that first had it.
    var sent: [String: Release] = [:]
    /// And the release that stopped serving it.
    var removed: [String: Release] = [:]

    struct Release: Comparable {
        var minor: Int
        static func < (left: Release, right: Release) -> Bool { left.minor < right.minor }

        init?(_ text: String) {
            guard text.hasPrefix("1."), let minor = Int(text.dropFirst(2)) else { return nil }
            self.minor = minor
        }
    }

    /// The oldest release that Seaway works on.
    static let oldest = Release("1.20")

    static func load() throws -> KubernetesVersions {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/kubernetes-versions.md")
        var versions = KubernetesVersions()
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3 else { continue }
            func add(_ apiVersion: String, _ resources: String, to table: inout [String: Release], _ release: Release) {
                for resource in resources.split(separator: ",") {
                    table["\(apiVersion.trimmingCharacters(in: ["`"])) \(resource.trimmingCharacters(in: .whitespaces))"] = release
                }
            }
            if let since = Release(cells[2]) { add(cells[0], cells[1], to: &versions.sent, since) }
            if let until = Release(cells[0]) { add(cells[1], cells[2], to: &versions.removed, until) }
        }
        return versions
    }

    /// What is wrong with asking for these (`apps/v1 deployments`).
    func problems(of resources: some Sequence<String>) -> [String] {
        resources.sorted().compactMap { resource in
            if resource.hasPrefix("seaway.ctx.sh/") { return nil }
            if let release = removed[resource] { return "\(resource) was removed in 1.\(release.minor)" }
            guard let since = sent[resource] else { return "\(resource) does not stand in docs/kubernetes-versions.md" }
            guard let oldest = Self.oldest, since <= oldest else { return "\(resource) is not in 1.20" }
            return nil
        }
    }
}
