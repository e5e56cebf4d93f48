import KubernetesModel

extension ManifestShapes {
    static var dependencies: Shape<[ManifestDependency]> {
        .list(of: dependency, "a list, as [{name: db, path: k8s/db}]") { fields in
            Field.reportDuplicates(fields, of: "name") {
                $0.member("name")?.text
            } _: {
                "a second dependency called '\($0)' (the first is in line \($1)), expected a name of its own"
            }
        }
    }

    private static var dependency: Shape<ManifestDependency> {
        MappingShape(
            "a mapping, as {name: db, path: k8s/db}",
            [
                .required("name", \.name, .nonEmpty("the dependency's name"), missing: "expected the dependency's name", "Its name, once."),
                .defaulted("type", \.type, .oneOf(["kustomize", "helm"]), "kustomize (the default) for a directory, helm for a chart."),
                .defaulted(
                    "path", \.path, .dependencyPath,
                    "Directory of YAML files or of a kustomization, or the URL of a remote one. Required unless type is helm."),
                .defaulted("substitute", \.substitute, .bool, "Replace ${NAME} in the objects. Default false."),
                .optional("chart", \.chart, .nonEmpty("a chart"), "Directory of the chart, its name in repo, or an oci:// reference."),
                .optional("repo", \.repo, .nonEmpty("the URL of a chart repository"), "URL of the chart repository."),
                .optional("version", \.version, .nonEmpty("a version, as 1.2.3"), "Version of the chart."),
                .optional(
                    "values", \.values, .list(of: .pathInTree("a file, as db/values.yaml"), "a list of files"), "Files with the chart's values."),
                .optional("release", \.release, .nonEmpty("the name of a release"), "Name of the release. Default the dependency's name."),
                .defaulted("wait", \.wait, .list(of: wait, "a list, as [{kind: Deployment, name: db}]"), "What to wait for after it was applied."),
            ]
        ) { field, dependency in
            let chartFields = ["chart", "repo", "version", "values", "release"].filter { field.present($0) != nil }
            if dependency.isChart {
                if dependency.chart == nil { field.fail("names no chart, expected 'chart' beside 'type: helm'") }
                if field.present("path") != nil { field.fail("has 'path' beside 'type: helm', expected 'chart'") }
            } else {
                if dependency.path.isEmpty { field.fail("names no directory, expected 'path'") }
                if let first = chartFields.first { field.fail("has '\(first)', which belongs to 'type: helm'") }
            }
        }.shape(ManifestDependency(name: "", path: ""))
    }

    private static var wait: Shape<ManifestWait> {
        MappingShape(
            "a mapping, as {kind: Deployment, name: db}",
            [
                .required("kind", \.kind, .nonEmpty("the object's kind"), missing: "expected the object's kind", "Kind of the object."),
                .required("name", \.name, .nonEmpty("the object's name"), missing: "expected the object's name", "Name of the object."),
                .optional("apiVersion", \.apiVersion, .nonEmpty("an apiVersion, as apps/v1"), "Where several kinds have this name."),
                .optional("namespace", \.namespace, .nonEmpty("a namespace"), "Default the environment's."),
                .defaulted("for", \.for, .waitGoal, "\(WaitGoal.expected). Default ready."),
                .defaulted("timeout", \.timeout, .duration(as: "30s, 5m or 1h30m"), "How long to wait. Default 5m."),
            ]
        ).shape(ManifestWait(kind: "", name: ""))
    }
}

extension Shape where Value == String {
    fileprivate static var dependencyPath: Shape {
        let inTree = Shape.pathInTree("a directory of the source tree, as k8s/db, or the URL of a remote kustomization")
        return Shape(Shape.nonEmpty("a path").schema) { field in
            guard case .scalar(_, let text) = field.node.content, ManifestDependency.isRemote(text) else { return inTree.read(field) }
            return text
        }
    }

    fileprivate static var waitGoal: Shape {
        .text(pattern: "^([rR][eE][aA][dD][yY]|exists|delete|condition=.+|jsonpath=.+)$") { field in
            guard let text = field.nonEmptyString(WaitGoal.expected) else { return nil }
            guard WaitGoal(text) != nil else {
                field.fail("'\(text)' is not allowed, expected \(WaitGoal.expected)")
                return nil
            }
            return text
        }
    }
}
