import Foundation
import Testing

/// The direction of dependencies, read off the import lines; `make test` refuses imports that a target does not declare.
struct ImportTests {
    /// Modules of this package that each target may import. A pure target stands above its first IO neighbour.
    private static let allowed: [String: Set<String>] = [
        "KubernetesModel": [],
        "Source": ["CZstd"],
        "SeawayAPI": ["KubernetesModel"],
        "SeawayDependencies": ["KubernetesModel", "SeawayAPI"],
        "SeawayPlan": ["KubernetesModel", "SeawayAPI"],
        "SeawayLocal": ["KubernetesModel", "SeawayAPI", "SeawayDependencies", "SeawayPlan", "Source"],
        "KubernetesClient": ["KubernetesModel"],
        "KubernetesRuntime": ["KubernetesClient", "KubernetesModel"],
        "ObjectStore": [],
        "ContainerRegistry": [],
        "SourceTransfer": ["Source"],
        "SourceService": ["CZstd", "ObjectStore", "Source", "SourceTransfer"],
        "RegistryGateway": ["ContainerRegistry", "SourceService", "SourceTransfer"],
        "SeactlKit": [
            "InstallManifests", "KubernetesClient", "KubernetesModel", "SeawayAPI", "SeawayDependencies", "SeawayLocal", "Source", "SourceTransfer",
        ],
        "SeawayOperator": [
            "ContainerRegistry", "KubernetesClient", "KubernetesModel", "KubernetesRuntime", "ObjectStore", "RegistryGateway", "SeawayAPI",
            "SeawayPlan",
            "Source", "SourceService", "SourceTransfer",
        ],
        "seactl": ["SeactlKit"],
        "seaway": ["SeawayOperator"],
    ]

    /// What a pure target may use from outside: values, hashes, a parser.
    private static let pure: Set<String> = ["Foundation", "FoundationEssentials", "Crypto", "Yams", "Synchronization"]
    private static let pureTargets = ["KubernetesModel", "SeawayAPI", "SeawayDependencies", "SeawayPlan"]
    private static let servers: Set<String> = ["Hummingbird", "HummingbirdTLS", "HummingbirdCore", "NIOHTTPServer"]

    private static var sources: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
    }

    /// The modules that the files of a target import.
    private static func imports(of target: String) throws -> Set<String> {
        let folder = sources.appending(path: target)
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        var found: Set<String> = []
        for file in files where file.pathExtension == "swift" {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ").drop { $0.hasPrefix("@") || ["public", "package", "internal", "private"].contains($0) }
                if words.first == "import", let module = words.dropFirst().last { found.insert(String(module.split(separator: ".")[0])) }
            }
        }
        return found
    }

    @Test func everyTargetHasItsRule() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path).filter { !$0.hasPrefix(".") }
        #expect(Set(folders) == Set(Self.allowed.keys).union(["CZstd"]))
    }

    @Test(arguments: allowed.keys.sorted())
    func importsKeepTheDirection(target: String) throws {
        let imports = try Self.imports(of: target)
        try #require(!imports.isEmpty)
        let own = Set(Self.allowed.keys).union(["CZstd", "InstallManifests"])
        #expect(imports.intersection(own).subtracting(Self.allowed[target] ?? []) == [])
    }

    @Test(arguments: pureTargets)
    func pureTargetsImportNoIO(target: String) throws {
        #expect(try Self.imports(of: target).subtracting(Self.pure).subtracting(Self.pureTargets) == [])
    }

    @Test func seactlLinksNoHTTPServer() throws {
        var reached: Set<String> = []
        var next: Set<String> = ["seactl"]
        while !next.isEmpty {
            reached.formUnion(next)
            next = next.reduce(into: Set<String>()) { $0.formUnion(Self.allowed[$1] ?? []) }.subtracting(reached)
        }
        for target in reached where Self.allowed[target] != nil {
            #expect(try Self.imports(of: target).isDisjoint(with: Self.servers), "\(target)")
        }
    }
}
