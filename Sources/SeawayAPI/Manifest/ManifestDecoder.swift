import KubernetesModel

/// Turns the text of a manifest into values, and everything that is wrong with it into errors.
enum ManifestDecoder {
    static func decode(_ origin: Manifest.Origin, lookup: ((String) -> String?)?) throws(ManifestErrors) -> Manifest {
        let context = ManifestContext(file: origin.file, lookup: lookup)
        var reader = YAMLReader(text: origin.yaml, file: origin.file)
        let root = reader.document()
        context.report(all: reader.errors)
        if root?.isNull ?? reader.errors.isEmpty {
            context.report(Place(line: 1, column: 1), "", "is empty, expected at least 'name' and 'environments'")
        }
        let manifest = root.flatMap { $0.isNull ? nil : Field(node: $0, path: "", context: context).manifest(origin) }
        guard let manifest, context.errors.isEmpty else { throw ManifestErrors(context.errors) }
        return manifest
    }
}

extension Field {
    fileprivate func manifest(_ origin: Manifest.Origin) -> Manifest? {
        guard let reader = mapping("a mapping with 'name' and 'environments'") else { return nil }
        let nameField = reader.required("name", "expected the application's name")
        // Put off only until `expanding`: without this name there is no environment.
        let (name, problems) =
            context.lookup == nil ? context.gatheringVariableProblems { nameField?.applicationName() } : (nameField?.applicationName(), [])
        // The rest is decoded whatever the name is, so that its errors show in the same run.
        context.applicationName = name ?? "application"
        let version = reader["version"]?.string()
        let description = reader["description"]?.string()
        let defaultEnvironment = reader["defaultEnvironment"]
        let list = reader.required("environments", "expected a list of at least one environment")
        reader.refuse(["source": ManifestAnswers.source, "store": ManifestAnswers.store])
        reader.finish(allowingExtensions: true)

        let fields = list?.elements("a list of environments") ?? []
        if let list, fields.isEmpty, case .list(let nodes) = list.node.content, nodes.isEmpty {
            list.fail("is empty, expected at least one environment")
        }
        let environments = fields.compactMap { $0.environment() }
        reportDuplicates(fields)
        let names = fields.compactMap { $0.member("name")?.text }
        let chosen = defaultEnvironment?.nonEmptyString("the name of an environment")
        if let defaultEnvironment, let chosen, !names.isEmpty, !names.contains(chosen) {
            let question = Spelling.question(about: chosen, in: names).map { "; \($0)" } ?? ""
            defaultEnvironment.fail("no environment is called '\(chosen)', there is: \(names.joined(separator: ", "))\(question)")
        }
        guard let name else { return nil }
        return Manifest(
            name: name, version: version, description: description, defaultEnvironment: chosen, environments: environments, origin: origin,
            variableProblems: problems)
    }

    private func reportDuplicates(_ environments: [Field]) {
        var first: [String: Int] = [:]
        for environment in environments {
            guard let name = environment.member("name"), let text = name.text else { continue }
            if let line = first[text] {
                name.fail("a second environment called '\(text)' (the first is in line \(line)), expected a name of its own")
            } else {
                first[text] = name.node.place.line
            }
        }
    }

    /// A look at a member that is decoded, and reported on, elsewhere.
    func member(_ key: String) -> Field? {
        guard case .mapping(let members) = node.content, let member = members.first(where: { $0.key == key }) else { return nil }
        return Field(node: member.value, path: Field.path(path, key), context: context)
    }

    /// The scalar as it is written.
    var text: String? {
        guard case .scalar(let value, let text) = node.content, value != .null else { return nil }
        return text
    }

    private func environment() -> ManifestEnvironment? {
        let (environment, problems) = context.gatheringVariableProblems { () -> ManifestEnvironment? in
            guard let reader = mapping("a mapping that describes one environment") else { return nil }
            let name = reader.required("name", "expected the environment's name")?.environmentName()
            let fallback = ManifestVariables.shortened("\(context.applicationName ?? "")-\(name ?? "")", to: ManifestNames.labelLimit)
            let namespace = reader["namespace"].map { $0.namespaceName() } ?? fallback
            let endpoint = reader["endpoint"]?.string()
            let dependencies = reader["dependencies"]?.dependencies() ?? []
            let spec = reader.environmentSpec()
            reader.ignore("config")
            reader.refuse([
                "source": ManifestAnswers.source,
                "store": ManifestAnswers.store,
                "networking": "was renamed, write 'network'",
                "temporary": ManifestAnswers.notYet("create the namespace and delete it yourself"),
                "ttl": ManifestAnswers.notYet("end an environment with `seactl env clean`"),
                "secrets": ManifestAnswers.notYet("create the Secret with kubectl and name it in vars.envFrom"),
                "revision": "is set by `seactl env sync`, remove it",
                "attempt": "is set by `seactl env sync`, remove it",
            ])
            reader.finish()
            return ManifestEnvironment(
                name: name ?? "", namespace: namespace ?? "", endpoint: endpoint, dependencies: dependencies, spec: spec)
        }
        var result = environment
        result?.variableProblems = problems
        return result
    }
}

/// Answers to fields that are known and cannot be had.
enum ManifestAnswers {
    static let source = "was replaced by 'store:', which is now chosen once for the cluster: `seactl install --store …`, remove it"
    static let store = "is chosen once for the cluster: `seactl install --store …`, remove it"

    static func notYet(_ instead: String) -> String {
        "not supported yet, remove it (\(instead))"
    }
}
