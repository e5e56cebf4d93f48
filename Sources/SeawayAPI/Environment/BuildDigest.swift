import Crypto
import Foundation
import KubernetesModel

/// The identity of an image: sha256 over the source revision and every build setting that changes the image.
///
/// Equal digests name equal images, so an image that is in the registry under its digest is never built again,
/// and what is outside of `build` (replicas, variables, ports) never causes a build.
public enum BuildDigest {
    /// - Parameters:
    ///   - builderImage: the image of the spec's builder, used where the spec names none.
    /// - Returns: 64 hex digits.
    public static func compute(_ spec: EnvironmentSpec, builderImage: String) -> String {
        let build = spec.build ?? EnvironmentSpec.Build()
        // `include` and `exclude` act through the revision alone. Sorted keys make the bytes canonical.
        var inputs: JSONValue = [
            "format": 1,
            "revision": .string(spec.revision),
            "dockerfile": .string(build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile),
            "target": .string(build.target ?? ""),
            "buildArgs": .object((build.buildArgs ?? [:]).mapValues(JSONValue.string)),
            "platform": .string(build.platform ?? ""),
            "image": .string(build.image ?? builderImage),
            "command": .array((build.command ?? []).map(JSONValue.string)),
            "args": .array((build.args ?? []).map(JSONValue.string)),
        ]
        // Only where they are set: the digests of environments that have none stay what they were, and nothing is built again.
        // Resources, deadline, cache and placement of a build do not change its image.
        if let builder = build.builder, builder != EnvironmentSpec.Build.firstBuilder { inputs["builder"] = .string(builder) }
        if let context = build.context { inputs["context"] = .string(context) }
        if let env = build.env, !env.isEmpty { inputs["env"] = .array(env) }
        if let envFrom = build.envFrom, !envFrom.isEmpty { inputs["envFrom"] = .array(envFrom) }
        return sha256Hex(inputs.encoded())
    }
}

extension EnvironmentSpec.Build {
    public static let defaultDockerfile = "Dockerfile"
    /// The builder that there was before builders could be chosen; digests without a builder mean it.
    static let firstBuilder = "buildah"
}

/// The SHA-256 of `data` as 64 lower-case hex digits.
public func sha256Hex(_ data: Data) -> String {
    SHA256.hash(data: data).map { byte in
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }.joined()
}
