import KubernetesModel

extension MappingReader {
    /// The fields of the resource that stand in the environment itself.
    func environmentSpec() -> EnvironmentSpec {
        var spec = EnvironmentSpec(revision: "")
        spec.replicas = self["replicas"]?.integer(0...Int(Int32.max), "a whole number, 0 or more")
        spec.vars = self["vars"]?.vars()
        spec.build = self["build"]?.build()
        spec.ports = self["ports"]?.ports()
        spec.network = self["network"]?.network(olderPorts: spec.ports)
        spec.resources = self["resources"]?.resources()
        spec.command = self["command"]?.strings("a list of strings, as [\"python3\", \"-m\", \"app\"]")
        spec.args = self["args"]?.strings("a list of strings, as [\"--port\", \"8080\"]")
        spec.workingDir = self["workingDir"]?.absolutePath()
        spec.livenessProbe = self["livenessProbe"]?.passthrough("a Kubernetes probe, as {httpGet: {path: /, port: 8080}}")
        spec.readinessProbe = self["readinessProbe"]?.passthrough("a Kubernetes probe, as {httpGet: {path: /, port: 8080}}")
        spec.startupProbe = self["startupProbe"]?.passthrough("a Kubernetes probe, as {httpGet: {path: /, port: 8080}}")
        spec.lifecycle = self["lifecycle"]?.passthrough("a Kubernetes lifecycle, as {preStop: {exec: {command: [stop]}}}")
        spec.securityContext = self["securityContext"]?.passthrough("a Kubernetes security context, as {runAsUser: 1000}")
        return spec
    }
}

extension Field {
    fileprivate func absolutePath() -> String? {
        guard let path = nonEmptyString("an absolute path in the container") else { return nil }
        guard path.hasPrefix("/") else {
            fail("'\(path)' is relative, expected an absolute path in the container")
            return nil
        }
        return path
    }

    // MARK: Variables of the application

    fileprivate func vars() -> EnvironmentSpec.Vars? {
        guard let reader = mapping("a mapping with 'env' and 'envFrom'") else { return nil }
        let entries = reader["env"]?.elements("a list, as [{name: MODE, value: dev}]")
        let sources = reader["envFrom"]?.elements("a list, as [{secretRef: {name: db}}]")
        reader.finish()
        var first: [String: Int] = [:]
        for name in (entries ?? []).compactMap({ $0.member("name") }) {
            guard let text = name.text else { continue }
            if let line = first[text] {
                name.fail("a second variable called '\(text)' (the first is in line \(line)), keep one")
            } else {
                first[text] = name.node.place.line
            }
        }
        return EnvironmentSpec.Vars(env: entries?.compactMap { $0.environmentVariable() }, envFrom: sources?.compactMap { $0.variableSource() })
    }

    private func environmentVariable() -> JSONValue? {
        guard let reader = mapping("a mapping, as {name: MODE, value: dev}") else { return nil }
        let name = reader.required("name", "expected the variable's name")?.variableName()
        let value = reader["value"]
        let valueFrom = reader["valueFrom"]
        reader.finish()
        if let valueFrom, value != nil { valueFrom.fail("stands beside 'value', keep one of them") }
        return JSONValue.object([
            "name": name.map(JSONValue.string) ?? .null,
            "value": value?.expandedString().map(JSONValue.string) ?? .null,
            "valueFrom": valueFrom?.expandedPassthrough("a source, as {secretKeyRef: {name: db, key: password}}") ?? .null,
        ]).droppingNulls
    }

    private func variableSource() -> JSONValue? {
        guard let reader = mapping("a mapping, as {secretRef: {name: db}}") else { return nil }
        let prefix = reader["prefix"]?.expandedString()
        let sources = ["configMapRef", "secretRef"].map { (name: $0, field: reader[$0]) }.filter { $0.field != nil }
        reader.finish()
        guard sources.count == 1, let source = sources.first, let field = source.field else {
            fail("names \(sources.isEmpty ? "no source" : "two sources"), expected either 'configMapRef' or 'secretRef'")
            return nil
        }
        return JSONValue.object([
            "prefix": prefix.map(JSONValue.string) ?? .null,
            source.name: field.expandedPassthrough("a mapping with a 'name'") ?? .null,
        ]).droppingNulls
    }

    /// A Kubernetes object that travels as it is, with variables put into its strings.
    func expandedPassthrough(_ expected: String) -> JSONValue? {
        guard case .mapping(let members) = node.content else {
            failExpecting(expected)
            return nil
        }
        return .object(
            Dictionary(
                members.map { ($0.key, Field(node: $0.value, path: Field.path(path, $0.key), context: context).expandedJSON()) },
                uniquingKeysWith: { _, last in last }))
    }

    private func expandedJSON() -> JSONValue {
        switch node.content {
        case .mapping: return expandedPassthrough("a mapping") ?? .null
        case .list(let nodes):
            return .array(
                nodes.enumerated().map { Field(node: $1, path: "\(path)[\($0)]", context: context).expandedJSON() })
        case .scalar(.string(let text), _): return expanded(text).map(JSONValue.string) ?? .null
        case .scalar(let value, _): return value
        }
    }

    // MARK: Resources

    fileprivate func resources() -> [String: Quantity]? {
        guard let entries = entries("quantities by resource, as {memory: 256Mi, cpu: 100m}") else { return nil }
        var quantities: [String: Quantity] = [:]
        for (name, keyPlace, value) in entries {
            if name == "requests" || name == "limits" {
                context.report(
                    keyPlace, value.path, "is not needed, expected quantities by resource, as {memory: 256Mi}; they are requests and limits alike")
            } else if !ManifestNames.isResource(name) {
                let advice =
                    Spelling.question(about: name, in: ManifestNames.resources) ?? "expected \(ManifestNames.resources.joined(separator: ", "))"
                context.report(keyPlace, value.path, "unknown resource, \(advice) or an extended resource as example.com/gpu")
            } else {
                quantities[name] = value.quantity()
            }
        }
        return quantities
    }

    private func quantity() -> Quantity? {
        let expected = "a quantity as 256Mi, 2Gi, 100m or 0.5"
        guard let text = string(expected) else { return nil }
        guard ManifestNames.isQuantity(text) else {
            fail("'\(text)' is no quantity, expected \(expected)")
            return nil
        }
        return Quantity(text)
    }
}
