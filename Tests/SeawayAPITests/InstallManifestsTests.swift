import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import InstallManifests

@Suite("InstallManifests") struct InstallManifestsTests {
    private func name(_ object: JSONValue) -> String {
        "\(object["kind"]?.stringValue ?? "")/\(object["metadata"]?["name"]?.stringValue ?? "")"
    }

    private func names(_ options: InstallOptions) throws -> [String] {
        try InstallManifests.objects(options).map(name)
    }

    private func pod(_ deployment: String, _ options: InstallOptions) throws -> JSONValue {
        let object = try #require(try InstallManifests.objects(options).first { name($0) == "Deployment/\(deployment)" })
        return try #require(object["spec"]?["template"]?["spec"])
    }

    @Test func `by default everything is installed, what others need first`() throws {
        #expect(
            try names(InstallOptions()) == [
                "Namespace/seaway-system", "CustomResourceDefinition/environments.seaway.ctx.sh", "ClusterRole/seaway", "ClusterRoleBinding/seaway",
                "Role/seaway", "RoleBinding/seaway", "ClusterRole/seaway-developer", "ClusterRole/seaway-viewer", "Role/seaway-source",
                "RoleBinding/seaway-source", "PersistentVolumeClaim/seaway-store", "ConfigMap/registry", "PersistentVolumeClaim/registry",
                "Deployment/registry", "Service/registry", "ServiceAccount/seaway", "Service/seaway", "Deployment/seaway",
            ])
    }

    @Test func `the default options are what the files say`() throws {
        #expect(try InstallManifests.objects() == InstallManifests.files.flatMap { try $0.objects() })
    }

    @Test func `the kustomizations list the embedded files`() throws {
        let config = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../config").standardizedFileURL
        func resources(_ folder: String) throws -> [String] {
            let text = try String(contentsOf: config.appending(path: "\(folder)/kustomization.yaml"), encoding: .utf8)
            return try JSONValue.documents(yaml: text).first?["resources"]?.arrayValue?.compactMap(\.stringValue) ?? []
        }
        let folders = try resources("default").map { String($0.dropFirst("../".count)) }
        let files = try folders.flatMap { folder in try resources(folder).map { "\(folder)/\($0)" } }
        #expect(Set(files) == Set(InstallManifests.paths))
        #expect(files.count == InstallManifests.paths.count)
        for (path, bytes) in InstallManifests.files.map({ ($0.path, $0.bytes) }) {
            #expect(try Data(contentsOf: config.appending(path: path)) == Data(bytes), "\(path) was not embedded again")
        }
    }

    @Test func `an external registry replaces the installed one`() throws {
        var options = InstallOptions()
        options.registry = "registry.example.com"
        #expect(try !names(options).contains { $0.hasSuffix("/registry") })
        let arguments = try pod("seaway", options)["containers"]?[0]?["args"]?.arrayValue ?? []
        #expect(arguments.contains("--registry=registry.example.com"))
        #expect(arguments.contains("--registry-pull=registry.example.com"))
        #expect(!arguments.contains("--registry-insecure"))
        options.registryPull = "localhost:5000"
        options.insecureRegistry = true
        options.ingressClass = "nginx"
        options.ingressDomain = "dev.example.com"
        let more = try pod("seaway", options)["containers"]?[0]?["args"]?.arrayValue ?? []
        #expect(
            Set(["--registry-pull=localhost:5000", "--registry-insecure", "--ingress-class=nginx", "--ingress-domain=dev.example.com"]).isSubset(
                of: more))
    }

    @Test func `S3 replaces the volume, and its keys stand only in the Secret`() throws {
        var options = InstallOptions()
        options.store = "s3://seaway?endpoint=http://s3.example.com"
        options.s3Credentials = InstallOptions.S3Credentials(accessKey: "AKIA", secretKey: "hunter2")
        let objects = try InstallManifests.objects(options)
        #expect(!objects.map(name).contains("PersistentVolumeClaim/seaway-store"))
        let secret = try #require(objects.first { name($0) == "Secret/seaway-s3" })
        func encoded(_ text: String) -> JSONValue { .string(Data(text.utf8).base64EncodedString()) }
        #expect(secret["data"] == ["SEAWAY_S3_ACCESS_KEY": encoded("AKIA"), "SEAWAY_S3_SECRET_KEY": encoded("hunter2")])
        let pod = try pod("seaway", options)
        #expect(
            pod["containers"]?[0]?["env"]?[1] == [
                "name": "SEAWAY_S3_SECRET_KEY", "valueFrom": ["secretKeyRef": ["name": "seaway-s3", "key": "SEAWAY_S3_SECRET_KEY"]],
            ])
        #expect(pod["volumes"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["tmp"])
        #expect(pod["containers"]?[0]?["volumeMounts"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["tmp"])
        for object in objects where name(object) != "Secret/seaway-s3" {
            let text = String(decoding: object.encoded(), as: UTF8.self)
            #expect(!text.contains("hunter2") && !text.contains(Data("hunter2".utf8).base64EncodedString()))
        }
        var dumped = ""
        dump(options, to: &dumped)
        #expect(!"\(options) \(String(reflecting: options)) \(dumped)".contains("hunter2"))

        options.s3Credentials = nil
        #expect(try !names(options).contains("Secret/seaway-s3"))
    }

    @Test func `an installed registry keeps its images in the S3, too`() throws {
        var options = InstallOptions()
        options.store = "s3://bucket/team/a?endpoint=http://s3.example.com:9000&region=eu-west-1"
        options.s3Credentials = InstallOptions.S3Credentials(
            accessKey: "AKIA", secretKey: "hunter2", sessionToken: "for-an-hour", certificateAuthority: "PEM")
        let objects = try InstallManifests.objects(options)
        #expect(!objects.contains { $0["kind"] == "PersistentVolumeClaim" })
        let pod = try pod("registry", options)
        func variables(_ pod: JSONValue, _ field: (JSONValue) -> String?) -> [String: String] {
            let entries = (pod["containers"]?[0]?["env"]?.arrayValue ?? []).compactMap { entry in
                field(entry).map { (entry["name"]?.stringValue ?? "", $0) }
            }
            return Dictionary(uniqueKeysWithValues: entries)
        }
        #expect(
            variables(pod) { $0["value"]?.stringValue } == [
                "REGISTRY_STORAGE": "s3", "REGISTRY_STORAGE_DELETE_ENABLED": "true", "REGISTRY_STORAGE_REDIRECT_DISABLE": "true",
                "REGISTRY_STORAGE_S3_BUCKET": "bucket", "REGISTRY_STORAGE_S3_ROOTDIRECTORY": "/team/a/registry",
                "REGISTRY_STORAGE_S3_REGION": "eu-west-1", "REGISTRY_STORAGE_S3_REGIONENDPOINT": "http://s3.example.com:9000",
                "REGISTRY_STORAGE_S3_SECURE": "false", "REGISTRY_STORAGE_S3_FORCEPATHSTYLE": "true", "SSL_CERT_FILE": "/etc/seaway-s3/ca.pem",
            ])
        let keys = variables(pod) { $0["valueFrom"]?["secretKeyRef"]?["key"]?.stringValue }
        #expect(
            keys == [
                "REGISTRY_STORAGE_S3_ACCESSKEY": "SEAWAY_S3_ACCESS_KEY", "REGISTRY_STORAGE_S3_SECRETKEY": "SEAWAY_S3_SECRET_KEY",
                "REGISTRY_STORAGE_S3_SESSIONTOKEN": "SEAWAY_S3_SESSION_TOKEN",
            ])
        #expect(pod["volumes"]?.arrayValue?.map { $0["name"] } == ["config", "s3"])
        #expect(pod["containers"]?[0]?["volumeMounts"]?.arrayValue?.map { $0["name"] } == ["config", "s3"])
        let secret = try #require(objects.first { name($0) == "Secret/seaway-s3" })
        #expect(secret["data"]?["SEAWAY_S3_SESSION_TOKEN"] == .string(Data("for-an-hour".utf8).base64EncodedString()))
        #expect(secret["data"]?["SEAWAY_S3_CA"] == .string(Data("PEM".utf8).base64EncodedString()))
        // Both are there when they are there.
        for entry in try self.pod("seaway", options)["containers"]?[0]?["env"]?.arrayValue ?? [] {
            let isOptional = ["SEAWAY_S3_SESSION_TOKEN", "SEAWAY_S3_CA"].contains(entry["name"]?.stringValue ?? "")
            #expect((entry["valueFrom"]?["secretKeyRef"]?["optional"] == true) == isOptional)
        }

        // Amazon's is found by its region.
        options.store = "s3://bucket?region=eu-west-1"
        let amazon = variables(try self.pod("registry", options)) { $0["value"]?.stringValue }
        #expect(amazon["REGISTRY_STORAGE_S3_REGIONENDPOINT"] == nil && amazon["REGISTRY_STORAGE_S3_SECURE"] == "true")
        #expect(amazon["REGISTRY_STORAGE_S3_ROOTDIRECTORY"] == "/registry" && amazon["REGISTRY_STORAGE_S3_FORCEPATHSTYLE"] == "false")
    }

    @Test func `a cluster without volumes, and one with a class of its own`() throws {
        var options = InstallOptions()
        options.ephemeral = true
        #expect(try !names(options).contains { $0.hasPrefix("PersistentVolumeClaim/") })
        #expect(try pod("seaway", options)["volumes"]?[1] == ["name": "store", "emptyDir": [:]])
        #expect(try pod("registry", options)["volumes"]?[1] == ["name": "data", "emptyDir": [:]])

        options = InstallOptions()
        options.storageClass = "fast"
        let claims = try InstallManifests.objects(options).filter { $0["kind"] == "PersistentVolumeClaim" }
        #expect(claims.map { $0["spec"]?["storageClassName"] } == ["fast", "fast"])
    }

    @Test func `how the operator works is passed on, and only where it is given`() throws {
        var options = InstallOptions()
        let usual = options.operatorArguments
        options.tuning.workers = 3
        options.tuning.maxConcurrentBuilds = 12
        options.tuning.buildDeadline = 600
        options.tuning.logLevel = "debug"
        #expect(options.operatorArguments == usual + ["--workers=3", "--max-concurrent-builds=12", "--build-deadline=600", "--log-level=debug"])
        #expect(try pod("seaway", options)["containers"]?[0]?["args"]?.arrayValue?.contains("--max-concurrent-builds=12") == true)
    }

    @Test func `a registry with a login and an authority of its own`() throws {
        var options = InstallOptions()
        options.registry = "registry.example"
        options.registrySecret = "login"
        options.registryPullSecret = "pull"
        options.registryCertificateAuthority = "-----BEGIN CERTIFICATE-----\nx\n"
        options.registryReadable = ["base/", "python"]
        let pod = try pod("seaway", options)
        let container = try #require(pod["containers"]?[0])
        let files = [
            ("--registry-config", "registry-login", "config.json"), ("--registry-pull-config", "registry-pull", "config.json"),
            ("--registry-ca", "registry-ca", "ca.crt"),
        ]
        for (option, volume, file) in files {
            let mount = try #require(container["volumeMounts"]?.arrayValue?.first { $0["name"]?.stringValue == volume })
            #expect(container["args"]?.arrayValue?.contains(.string("\(option)=\(mount["mountPath"]?.stringValue ?? "")/\(file)")) == true)
            #expect(mount["readOnly"] == true && pod["volumes"]?.arrayValue?.contains { $0["name"]?.stringValue == volume } == true)
        }
        #expect(container["args"]?.arrayValue?.contains("--registry-readable=python") == true)
        let volumes = pod["volumes"]?.arrayValue ?? []
        let secrets = volumes.compactMap { $0["secret"]?["secretName"]?.stringValue }
        #expect(secrets == ["login", "pull"] && pod["imagePullSecrets"] == [["name": "pull"]])
        #expect(try names(options).contains("ConfigMap/seaway-registry-ca"))
        let role = try #require(try InstallManifests.objects(options).first { name($0) == "ClusterRole/seaway" })
        let rule = try #require(role["rules"]?.arrayValue?.last)
        #expect(rule["resourceNames"] == ["seaway-registry-pull"] && rule["verbs"] == ["get", "create", "patch"])
        let plain = try #require(try InstallManifests.objects().first { name($0) == "ClusterRole/seaway" })
        #expect(plain["rules"]?.arrayValue?.contains(rule) == false)
    }

    @Test func `options that do not go together`() {
        func message(_ change: (inout InstallOptions) -> Void) -> String? {
            var options = InstallOptions()
            change(&options)
            do {
                _ = try InstallManifests.objects(options)
                return nil
            } catch { return "\(error)" }
        }
        #expect(
            message { $0.store = "ftp://a" } == "--store: 'ftp://a' is no store, expected s3://BUCKET/PREFIX?endpoint=URL or file:///DIRECTORY")
        #expect(message { $0.store = "file:///" } != nil)
        #expect(message { $0.store = "s3://bucket?endpiont=http://x" }?.contains("'endpiont' is not understood") == true)
        #expect(message { $0.registryPull = "a" } == "--registry-pull is given without --registry, which it is another address of")
        #expect(
            message { $0.s3Credentials = .init(accessKey: "a", secretKey: "b") } == "S3 credentials are given, but --store is no s3:// URL")
        #expect(message { $0.registrySecret = "a" }?.hasSuffix("are about a registry that --registry names") == true)
        #expect(
            message {
                $0.registry = "a"
                $0.registryCertificateAuthority = "no certificate"
            } == "--registry-ca: the file holds no certificate in PEM form")
        #expect(message { $0.image = "" } == "--image is empty, expected the name of an image")
        #expect(message { $0.tuning.workers = 0 } == "--workers: 0 is not between 1 and 1000")
        #expect(message { $0.tuning.progressDeadline = 3 }?.hasPrefix("--progress-deadline: 3 is not between 4 and ") == true)
        #expect(message { $0.tuning.cacheSize = "10 GB" } == "--cache-size: '10 GB' is no size, expected one as 10Gi")
        #expect(message { $0.tuning.logLevel = "loud" }?.contains("trace, debug, info, warning, error") == true)
    }

    @Test func `pods hold to the restricted profile`() throws {
        for deployment in ["seaway", "registry"] {
            let pod = try pod(deployment, InstallOptions())
            #expect(pod["securityContext"]?["runAsNonRoot"] == true)
            #expect(pod["securityContext"]?["seccompProfile"]?["type"] == "RuntimeDefault")
            #expect(pod["enableServiceLinks"] == false)
            for container in pod["containers"]?.arrayValue ?? [] {
                #expect(container["securityContext"]?["allowPrivilegeEscalation"] == false)
                #expect(container["securityContext"]?["readOnlyRootFilesystem"] == true)
                #expect(container["securityContext"]?["capabilities"]?["drop"] == ["ALL"])
            }
        }
    }

    @Test func `rights name what they are for`() throws {
        let objects = try InstallManifests.objects()
        let clusterRole = try #require(objects.first { name($0) == "ClusterRole/seaway" })
        let role = try #require(objects.first { name($0) == "Role/seaway" })
        for rule in (clusterRole["rules"]?.arrayValue ?? []) + (role["rules"]?.arrayValue ?? []) {
            for part in ["apiGroups", "resources", "verbs"] {
                #expect(rule[part]?.arrayValue?.isEmpty == false)
                #expect(rule[part]?.arrayValue?.contains("*") == false)
            }
            for verb in ["impersonate", "escalate", "bind", "deletecollection"] {
                #expect(rule["verbs"]?.arrayValue?.contains(.string(verb)) == false)
            }
        }
        // Code in foreign pods is out of the operator's reach.
        let everywhere = Set((clusterRole["rules"]?.arrayValue ?? []).flatMap { $0["resources"]?.arrayValue ?? [] })
        #expect(everywhere.isDisjoint(with: ["pods/exec", "serviceaccounts/token", "roles", "nodes"]))
        // Whether a namespace that a temporary environment leaves is empty, and no more.
        for rule in clusterRole["rules"]?.arrayValue ?? [] where rule["resources"]?.arrayValue?.contains("secrets") == true {
            #expect(rule["verbs"] == ["list"])
        }
        let namespaces = (clusterRole["rules"]?.arrayValue ?? []).filter { $0["resources"]?.arrayValue?.contains("namespaces") == true }
        for rule in namespaces { #expect(rule["verbs"] == ["get", "delete"]) }
        let secrets = (role["rules"]?.arrayValue ?? []).filter { $0["resources"] == ["secrets"] }
        #expect(secrets.allSatisfy { $0["resourceNames"] == ["seaway-serving"] || $0["verbs"] == ["create"] })
        for binding in objects where binding["kind"]?.stringValue?.hasSuffix("RoleBinding") == true || binding["kind"] == "ClusterRoleBinding" {
            // The way to the source API is for everybody; what it may be used for, the operator decides by the token.
            let isForEverybody = name(binding) == "RoleBinding/seaway-source"
            #expect(
                binding["subjects"]
                    == [
                        isForEverybody
                            ? ["apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"]
                            : ["kind": "ServiceAccount", "name": "seaway", "namespace": .string(Names.systemNamespace)]
                    ])
        }
    }

    @Test func `people get their rights with the roles that every cluster has`() throws {
        let objects = try InstallManifests.objects()
        func role(_ name: String) throws -> JSONValue { try #require(objects.first { self.name($0) == name }) }
        func aggregates(_ role: JSONValue) -> Set<String> {
            let labels = (role["metadata"]?["labels"]?.objectValue ?? [:]).filter { $0.value == "true" }.keys
            return Set(labels.filter { $0.hasPrefix("rbac.authorization.k8s.io/") }.map { String($0.split(separator: "-").last ?? "") })
        }
        let developer = try role("ClusterRole/seaway-developer")
        let viewer = try role("ClusterRole/seaway-viewer")
        #expect(aggregates(developer) == ["edit", "admin"])
        #expect(aggregates(viewer) == ["view", "edit", "admin"])
        for rule in viewer["rules"]?.arrayValue ?? [] {
            let verbs = (rule["verbs"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(Set(verbs).isSubset(of: ["get", "list", "watch"]))
            #expect(rule["resources"]?.arrayValue?.contains("secrets") == false)
        }
        #expect(
            try role("Role/seaway-source")["rules"] == [
                [
                    "apiGroups": [""], "resources": ["services/proxy"], "resourceNames": ["https:seaway:api"], "verbs": ["get", "create", "update"],
                ]
            ])
    }
}
