import KubernetesModel

/// Turns the text of a manifest into values, and everything that is wrong with it into errors.
enum ManifestDecoder {
    static func decode(_ origin: Manifest.Origin, lookup: ((String) -> String?)?) throws(ManifestErrors) -> Manifest {
        let context = ManifestContext(file: origin.file, lookup: lookup, patternProblem: origin.patternProblem)
        var reader = YAMLReader(text: origin.yaml, file: origin.file, limits: .manifest)
        let root = reader.document()
        context.report(all: reader.errors)
        if root?.isNull ?? reader.errors.isEmpty {
            context.report(Place(line: 1, column: 1), "", "is empty, expected at least 'name' and 'environments'")
        }
        let initial = Manifest(name: "", environments: [], origin: origin, variableProblems: [])
        let manifest = root.flatMap { $0.isNull ? nil : ManifestShapes.manifest.read(Field(node: $0, path: "", context: context), into: initial) }
        guard let manifest, context.errors.isEmpty else { throw ManifestErrors(context.errors) }
        return manifest
    }
}

/// Every field of the manifest, one table a mapping.
enum ManifestShapes {
    static var manifest: MappingShape<Manifest> {
        MappingShape(
            "a mapping with 'name' and 'environments'",
            [
                .init(
                    name: "name", meaning: "The application. Its Deployment, Service and Environment are called by it. Variables allowed.",
                    schema: Shape<String>.applicationName.schema, use: .required("expected the application's name")
                ) { field, manifest in
                    // What is wrong with its variables is put off until `expanding`: without this name there is no environment.
                    let (name, problems) =
                        field.context.lookup == nil
                        ? field.context.gatheringVariableProblems { Shape.applicationName.read(field) } : (Shape.applicationName.read(field), [])
                    manifest.name = name ?? ""
                    manifest.variableProblems = problems
                    // The rest is read whatever the name is, so that its errors show in the same run.
                    field.context.applicationName = name ?? "application"
                },
                .optional("version", \.version, .string(), "For people; not used."),
                .optional("description", \.description, .string(), "For people; not used."),
                .optional(
                    "defaultEnvironment", \.defaultEnvironment, .nonEmpty("the name of an environment"),
                    "The environment that is meant when a command names none. Default the only one."),
                .required(
                    "environments", \.environments, environments, missing: "expected a list of at least one environment",
                    "Where and how the application runs."),
                .refused("source", ManifestAnswers.source),
                .refused("store", ManifestAnswers.store),
            ], allowsExtensions: true
        ) { field, manifest in
            let names = field.present("environments")?.node.elements?.compactMap {
                Field(node: $0, path: "", context: field.context).member("name")?.text
            }
            guard let wanted = field.present("defaultEnvironment"), let chosen = manifest.defaultEnvironment, let names, !names.isEmpty,
                !names.contains(chosen)
            else { return }
            let question = Spelling.question(about: chosen, in: names).map { "; \($0)" } ?? ""
            wanted.fail("no environment is called '\(chosen)', there is: \(names.joined(separator: ", "))\(question)")
        }
    }

    private static var environments: Shape<[ManifestEnvironment]> {
        let element = environment
        let gathering = Shape(element.schema) { field -> ManifestEnvironment? in
            let initial = ManifestEnvironment(name: "", namespace: "", spec: EnvironmentSpec(revision: ""))
            let (environment, problems) = field.context.gatheringVariableProblems { element.read(field, into: initial) }
            var result = environment
            result?.variableProblems = problems
            return result
        }
        let list = Shape<ManifestEnvironment>.list(of: gathering, "a list of environments") { fields in
            Field.reportDuplicates(fields, of: "name") {
                $0.member("name")?.text
            } _: {
                "a second environment called '\($0)' (the first is in line \($1)), expected a name of its own"
            }
        }
        var schema = list.schema
        schema["minItems"] = 1
        return Shape(schema) { field in
            if field.node.elements?.isEmpty == true { field.fail("is empty, expected at least one environment") }
            return list.read(field)
        }
    }
}

/// Answers to fields that are known and cannot be had.
enum ManifestAnswers {
    static let source = "was replaced by 'store:', which is now chosen once for the cluster: `seactl install --store …`, remove it"
    static let store = "is chosen once for the cluster: `seactl install --store …`, remove it"
    static let written = "is set by `seactl env sync`, remove it"
}
