/// A program that builds Dockerfiles without privilege in the cluster.
public enum Builder: String, Sendable, CaseIterable {
    case buildah, buildkit, kaniko
}

/// The pinned images of the builders. Defaults are upstream's own release tags; an operator's options replace them.
public struct BuilderImages: Sendable, Equatable {
    /// An image with a shell, flock and buildah.
    public var buildah: String
    /// The rootless flavour: its buildkitd runs as uid 1000.
    public var buildkit = "moby/buildkit:v0.32.2-rootless"
    /// Releases of the osscontainertools fork. The project that kaniko comes from was archived in 2025.
    public var kaniko = "martizih/kaniko:v1.28.3"

    public init(buildah: String) { self.buildah = buildah }

    public subscript(builder: Builder) -> String {
        switch builder {
        case .buildah: buildah
        case .buildkit: buildkit
        case .kaniko: kaniko
        }
    }
}

/// Where the layers of earlier builds are kept.
enum LayerCache: String, Sendable {
    case volume, registry, none
}
