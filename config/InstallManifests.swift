import KubernetesModel
import SeawayAPI

/// The objects of this folder, compiled into `seactl` so that `seactl install` needs no files.
public enum InstallManifests {
    /// A file of this folder.
    struct File {
        var path: String
        var bytes: [UInt8]

        func objects() throws(ManifestErrors) -> [JSONValue] {
            try JSONValue.documents(yaml: String(decoding: bytes, as: UTF8.self), file: path)
        }
    }

    /// In the order in which they are applied: what others need comes first.
    static let files = [
        File(path: "operator/namespace.yaml", bytes: PackageResources.namespace_yaml),
        File(path: "crd/environments.yaml", bytes: PackageResources.environments_yaml),
        File(path: "rbac/cluster-role.yaml", bytes: PackageResources.cluster_role_yaml),
        File(path: "rbac/role.yaml", bytes: PackageResources.role_yaml),
        File(path: "rbac/people.yaml", bytes: PackageResources.people_yaml),
        File(path: "store/store.yaml", bytes: PackageResources.store_yaml),
        File(path: "registry/registry.yaml", bytes: PackageResources.registry_yaml),
        File(path: "operator/operator.yaml", bytes: PackageResources.operator_yaml),
    ]

    /// Paths of the embedded files below this folder.
    public static var paths: [String] { files.map(\.path) }

    /// The definition of the Environment resource.
    public static func customResourceDefinition() throws -> JSONValue? {
        try files.first { $0.path == "crd/environments.yaml" }?.objects().first
    }

    /// Everything that an installation consists of, in the order in which it is applied.
    /// - Throws: `InstallError` for options that do not go together.
    public static func objects(_ options: InstallOptions = InstallOptions()) throws -> [JSONValue] {
        try options.validate()
        var objects: [JSONValue] = []
        for file in files {
            if file.path == "registry/registry.yaml", !options.installsRegistry { continue }
            if file.path == "store/store.yaml", options.storesInS3 {
                if let credentials = options.s3Credentials { objects.append(InstallS3.secret(credentials)) }
                continue
            }
            if file.path == "operator/operator.yaml" { objects += registryAuthority(options) }
            objects += try file.objects()
        }
        // All volumes are for what an S3 keeps instead.
        if options.ephemeral || options.storesInS3 { objects.removeAll { $0["kind"] == "PersistentVolumeClaim" } }
        return try objects.map { try adapted($0, to: options) }
    }

    static let registryTrust = "seaway-registry-ca"

    private static func registryAuthority(_ options: InstallOptions) -> [JSONValue] {
        guard let certificates = options.registryCertificateAuthority else { return [] }
        return [
            [
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": [
                    "name": .string(registryTrust),
                    "namespace": .string(Names.systemNamespace),
                    "labels": ["app.kubernetes.io/name": "seaway", "app.kubernetes.io/part-of": "seaway"],
                ],
                "data": ["ca.crt": .string(certificates)],
            ]
        ]
    }

    /// The login with which nodes pull, kept in the namespaces of Environments. A rule for one name: no other Secret can be read.
    private static let pullSecretRule: JSONValue = [
        "apiGroups": [""], "resources": ["secrets"], "resourceNames": [.string(Names.pullSecret)], "verbs": ["get", "create", "patch"],
    ]

    private static func adapted(_ object: JSONValue, to options: InstallOptions) throws -> JSONValue {
        var object = object
        switch (object["kind"]?.stringValue, object["metadata"]?["name"]?.stringValue) {
        case ("PersistentVolumeClaim", _):
            if let storageClass = options.storageClass { object["spec"]?["storageClassName"] = .string(storageClass) }
        case ("Deployment", "registry"):
            object.editPod { pod in
                pod.editContainer { $0["image"] = .string(options.registryImage) }
                if let store = InstallS3(options.store) {
                    store.editRegistry(&pod)
                } else if options.ephemeral {
                    pod.makeVolumesEphemeral()
                }
            }
        case ("ClusterRole", "seaway"):
            guard options.registryPullSecret != nil else { break }
            object["rules"] = .array((object["rules"]?.arrayValue ?? []) + [pullSecretRule])
        case ("Deployment", "seaway"):
            object.editPod { editOperator(&$0, options) }
            if let remembered = try options.remembered { object["metadata"]?["annotations"] = [InstallOptions.annotation: .string(remembered)] }
        default: break
        }
        return object
    }

    private static func editOperator(_ pod: inout JSONValue, _ options: InstallOptions) {
        pod.editContainer { container in
            container["image"] = .string(options.image)
            container["args"] = .array(options.operatorArguments.map(JSONValue.string))
            if options.storesInS3 {
                container["env"] = .array(InstallS3.operatorVariables + (container["env"]?.arrayValue ?? []))
                container["volumeMounts"] = container["volumeMounts"]?.removing("store")
            } else {
                container["volumeMounts"] = container["volumeMounts"]?.editingAll { mount in
                    if mount["name"] == "store" { mount["mountPath"] = .string(options.storeDirectory) }
                }
            }
        }
        let logins = [
            ("registry-login", options.registrySecret, InstallOptions.registryLogin),
            ("registry-pull", options.registryPullSecret, InstallOptions.registryPull),
        ]
        for case (let volume, let secret?, let path) in logins {
            let item: JSONValue = ["key": ".dockerconfigjson", "path": "config.json"]
            pod.mount(volume, at: path, ["secret": ["secretName": .string(secret), "items": [item]]])
        }
        // Seaway's own image may be there as well.
        if let secret = options.registryPullSecret { pod["imagePullSecrets"] = [["name": .string(secret)]] }
        if options.registryCertificateAuthority != nil {
            pod.mount("registry-ca", at: InstallOptions.registryTrust, ["configMap": ["name": .string(registryTrust)]])
        }
        if options.storesInS3 {
            pod["volumes"] = pod["volumes"]?.removing("store")
        } else if options.ephemeral {
            pod.makeVolumesEphemeral()
        }
    }
}

extension JSONValue {
    /// Changes the pod of a Deployment.
    fileprivate mutating func editPod(_ edit: (inout JSONValue) -> Void) {
        guard var pod = self["spec"]?["template"]?["spec"] else { return }
        edit(&pod)
        self["spec"]?["template"]?["spec"] = pod
    }

    /// Changes a pod's containers, of which there is one.
    mutating func editContainer(_ edit: (inout JSONValue) -> Void) {
        self["containers"] = self["containers"]?.editingAll(edit)
    }

    /// Adds a volume to a pod of one container.
    fileprivate mutating func mount(_ name: String, at path: String, _ source: JSONValue) {
        var volume = source
        volume["name"] = .string(name)
        self["volumes"] = .array((self["volumes"]?.arrayValue ?? []) + [volume])
        editContainer { container in
            let mount: JSONValue = ["name": .string(name), "mountPath": .string(path), "readOnly": true]
            container["volumeMounts"] = .array((container["volumeMounts"]?.arrayValue ?? []) + [mount])
        }
    }

    fileprivate mutating func makeVolumesEphemeral() {
        self["volumes"] = self["volumes"]?.editingAll { volume in
            guard volume["persistentVolumeClaim"] != nil else { return }
            volume["persistentVolumeClaim"] = nil
            volume["emptyDir"] = [:]
        }
    }

    fileprivate func editingAll(_ edit: (inout JSONValue) -> Void) -> JSONValue {
        .array(
            (arrayValue ?? []).map { element in
                var element = element
                edit(&element)
                return element
            })
    }

    /// The list without the element of this name.
    func removing(_ name: String) -> JSONValue {
        .array((arrayValue ?? []).filter { $0["name"]?.stringValue != name })
    }
}
