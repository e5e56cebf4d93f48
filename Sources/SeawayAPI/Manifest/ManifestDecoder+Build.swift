import KubernetesModel

extension Field {
    func build() -> EnvironmentSpec.Build? {
        guard let reader = mapping("a mapping, as {dockerfile: Dockerfile}") else { return nil }
        var build = EnvironmentSpec.Build()
        build.dockerfile = reader["dockerfile"]?.pathInTree("a path in the source tree, as Dockerfile")
        build.target = reader["target"]?.nonEmptyString("the name of a stage of the Dockerfile")
        build.buildArgs = reader["buildArgs"]?.stringMap("values by name, as {BASE: debian}") { $0.expandedString() }
        build.platform = reader["platform"]?.platform()
        build.include = reader["include"]?.strings("a list of regular expressions, as [\"^app/\"]")
        build.exclude = reader["exclude"]?.strings("a list of regular expressions, as [\"^docs/\"]")
        build.image = reader["image"]?.nonEmptyString("the builder's image")
        build.command = reader["command"]?.strings("a list of strings")
        build.args = reader["args"]?.strings("a list of strings")
        reader.refuse([
            "builder": ManifestAnswers.notYet("the operator's builder is used, another one can be given with image, command and args"),
            "cache": ManifestAnswers.notYet("layers are kept in a volume where the cluster has a default StorageClass"),
            "context": ManifestAnswers.notYet("the context is the manifest's directory"),
            "env": ManifestAnswers.notYet("pass values with buildArgs"),
            "resources": ManifestAnswers.notYet("the build takes what the namespace grants"),
            "secrets": ManifestAnswers.notYet("builds hold no credentials"),
            "securityContext": ManifestAnswers.notYet("the operator chooses it"),
        ])
        reader.finish()
        return build
    }

    func pathInTree(_ expected: String) -> String? {
        guard let path = nonEmptyString(expected) else { return nil }
        guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            fail("'\(path)' leaves the manifest's directory, expected \(expected)")
            return nil
        }
        return path
    }

    private func platform() -> String? {
        let expected = "os/arch, as linux/amd64"
        guard let text = nonEmptyString(expected) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } })
        else {
            fail("'\(text)' is no platform, expected \(expected)")
            return nil
        }
        return text
    }

    // MARK: Dependencies

    func dependencies() -> [ManifestDependency]? {
        guard let fields = elements("a list, as [{name: db, path: k8s/db}]") else { return nil }
        var first: [String: Int] = [:]
        for name in fields.compactMap({ $0.member("name") }) {
            guard let text = name.text else { continue }
            if let line = first[text] {
                name.fail("a second dependency called '\(text)' (the first is in line \(line)), expected a name of its own")
            } else {
                first[text] = name.node.place.line
            }
        }
        return fields.compactMap { $0.dependency() }
    }

    private func dependency() -> ManifestDependency? {
        guard let reader = mapping("a mapping, as {name: db, path: k8s/db}") else { return nil }
        let name = reader.required("name", "expected the dependency's name")?.nonEmptyString("the dependency's name")
        let type = reader["type"]?.oneOf(["kustomize"])
        let path = reader.required("path", "expected the directory of its kustomization")?.pathInTree("a directory of the source tree, as k8s/db")
        let wait = reader["wait"]?.elements("a list, as [{kind: Deployment, name: db}]")?.compactMap { $0.wait() }
        reader.finish()
        guard let name, let path else { return nil }
        return ManifestDependency(name: name, type: type ?? "kustomize", path: path, wait: wait ?? [])
    }

    private func wait() -> ManifestWait? {
        guard let reader = mapping("a mapping, as {kind: Deployment, name: db}") else { return nil }
        let kind = reader.required("kind", "expected the object's kind")?.nonEmptyString("the object's kind")
        let name = reader.required("name", "expected the object's name")?.nonEmptyString("the object's name")
        let condition = reader["for"]?.waitCondition()
        let timeout = reader["timeout"]?.duration()
        reader.finish()
        guard let kind, let name else { return nil }
        var wait = ManifestWait(kind: kind, name: name)
        wait.for = condition ?? wait.for
        wait.timeout = timeout ?? wait.timeout
        return wait
    }

    private func waitCondition() -> String? {
        let expected = "ready or condition=TYPE"
        guard let text = nonEmptyString(expected) else { return nil }
        guard text.lowercased() == "ready" || (text.hasPrefix("condition=") && text.count > "condition=".count) else {
            fail("'\(text)' is not allowed, expected \(expected)")
            return nil
        }
        return text
    }

    private func duration() -> Duration? {
        let expected = "a duration with its unit, as 30s, 5m or 1h30m"
        guard let text = nonEmptyString(expected) else { return nil }
        guard let duration = ManifestNames.duration(text) else {
            fail("'\(text)' is no duration, expected \(expected)")
            return nil
        }
        return duration
    }
}
