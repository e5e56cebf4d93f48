import KubernetesModel

/// A Secret that `seactl` makes from files of the developer's machine. Their content is read only when it is sent.
public struct ManifestSecret: Sendable, Equatable {
    public var name: String
    /// A file of lines `KEY=value`, relative to the manifest.
    public var fromEnvFile: String?
    /// Files by key, relative to the manifest; each becomes a value as it is.
    public var fromFile: [String: String]?

    public init(name: String, fromEnvFile: String? = nil, fromFile: [String: String]? = nil) {
        self.name = name
        self.fromEnvFile = fromEnvFile
        self.fromFile = fromFile
    }

    /// The files as they are named.
    public var paths: [String] {
        (fromEnvFile.map { [$0] } ?? []) + (fromFile ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
}

extension ManifestShapes {
    static var secrets: Shape<[ManifestSecret]> {
        .list(of: secret, "a list, as [{name: db, fromEnvFile: .env.dev}]") { fields in
            Field.reportDuplicates(fields, of: "name") {
                $0.member("name")?.text
            } _: {
                "a second Secret called '\($0)' (the first is in line \($1)), expected a name of its own"
            }
        }
    }

    private static var secret: Shape<ManifestSecret> {
        MappingShape(
            "a mapping, as {name: db, fromEnvFile: .env.dev}",
            [
                .required("name", \.name, .objectName("the Secret's name"), missing: "expected the Secret's name", "The Secret. Variables allowed."),
                .optional(
                    "fromEnvFile", \.fromEnvFile, .expandedPath("a file of lines KEY=value, as .env.dev"),
                    "File of lines KEY=value, relative to the manifest. It is not sent with the sources."),
                .optional("fromFile", \.fromFile, files, "Files by key, relative to the manifest. They are not sent with the sources."),
            ]
        ) { field, secret in
            let sources = ["fromEnvFile", "fromFile"].count { field.present($0) != nil }
            if sources != 1 {
                field.fail("names \(sources == 0 ? "no file" : "two sources"), expected either 'fromEnvFile' or 'fromFile'")
            }
        }.shape(ManifestSecret(name: ""))
    }

    private static var files: Shape<[String: String]> {
        let map = Shape<String>.map(of: .expandedPath("a file, as certs/tls.key"), "files by key, as {tls.key: certs/tls.key}")
        return Shape(map.schema) { field in
            guard case .mapping(let members) = field.node.content else { return map.read(field) }
            for member in members where !ManifestNames.isSecretKey(member.key) {
                field.context.report(
                    member.keyPlace, Field.path(field.path, member.key), "is no key of a Secret, expected letters, digits, '-', '_' and '.'")
            }
            for member in members where member.value.isNull {
                field.context.report(member.keyPlace, Field.path(field.path, member.key), "is empty, expected a file, as certs/tls.key")
            }
            return map.read(field)
        }
    }
}
