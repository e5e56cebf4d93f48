import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// What each builder is told, and what a manifest can replace.
struct BuilderTests {
    private func build(_ builder: Builder, _ change: (inout EnvironmentSpec.Build) -> Void = { _ in }) -> Environment {
        environment {
            var build = EnvironmentSpec.Build()
            build.builder = builder.rawValue
            change(&build)
            $0.spec.build = build
        }
    }

    private func job(_ environment: Environment, _ cache: LayerCache = .none) -> JSONValue {
        Rendering(environment: environment, digest: digest(environment), settings: settings).buildJob(cache: cache)
    }

    private func pod(_ job: JSONValue) throws -> JSONValue { try #require(job["spec"]?["template"]?["spec"]) }
    private func container(_ job: JSONValue) throws -> JSONValue { try #require(try pod(job).buildContainer) }
    private func arguments(_ job: JSONValue) throws -> [String] { try container(job)["args"]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    private func full(_ build: inout EnvironmentSpec.Build) {
        build.dockerfile = "docker/app.Dockerfile"
        build.context = "services/app"
        build.target = "dev"
        build.platform = "linux/arm64"
        build.buildArgs = ["BASE": "debian", "A": "1,2"]
    }

    @Test func `buildah is told everything in its own terms`() throws {
        #expect(
            try arguments(job(build(.buildah, full), .registry)) == [
                "--layers=true", "--file=/workspace/docker/app.Dockerfile", "--target=dev", "--platform=linux/arm64", "--build-arg=A=1,2",
                "--build-arg=BASE=debian", "--cache-from=registry.example:5000/dev/shop/cache", "--cache-to=registry.example:5000/dev/shop/cache",
                "--tag=localhost/build", "/workspace/services/app",
            ])
        #expect(try arguments(job(build(.buildah), .volume)).first == "--layers=true")
        #expect(
            try arguments(job(build(.buildah), .none)) == [
                "--layers=false", "--file=/workspace/Dockerfile", "--ignorefile=/run/seaway/ignore", "--tag=localhost/build", "/workspace",
            ])
    }

    @Test func `buildkit is told everything in its own terms`() throws {
        let environment = build(.buildkit, full)
        let image = "registry.example:5000/dev/shop:\(digest(environment))"
        let cache = "type=registry,ref=registry.example:5000/dev/shop/cache:buildkit,registry.insecure=true"
        #expect(
            try arguments(job(environment, .registry)) == [
                "build", "--progress=plain", "--frontend=dockerfile.v0", "--local=context=/workspace/services/app",
                "--local=dockerfile=/workspace/docker", "--opt=filename=app.Dockerfile", "--opt=target=dev", "--opt=platform=linux/arm64",
                "--opt=build-arg:A=1,2", "--opt=build-arg:BASE=debian",
                "--output=type=image,name=\(image),push=true,registry.insecure=true", "--export-cache=\(cache),mode=max", "--import-cache=\(cache)",
            ])
        #expect(try !arguments(job(environment, .volume)).contains { $0.contains("cache") })
        let pod = try pod(job(environment, .volume))
        #expect(pod["securityContext"]?["fsGroup"] == 1000)
        #expect(try container(job(environment, .volume))["volumeMounts"]?[2]?["mountPath"] == "/home/user/.local/share/buildkit")
    }

    @Test func `kaniko is told everything in its own terms`() throws {
        let environment = build(.kaniko, full)
        let common = [
            "--context=dir:///kaniko/buildcontext/services/app", "--dockerfile=/kaniko/buildcontext/docker/app.Dockerfile",
            "--destination=registry.example:5000/dev/shop:\(digest(environment))", "--insecure-registry=registry.example:5000", "--target=dev",
            "--custom-platform=linux/arm64", "--build-arg=A=1,2", "--build-arg=BASE=debian",
        ]
        #expect(
            try arguments(job(environment, .registry)) == common + [
                "--cache=true", "--cache-copy-layers", "--cache-repo=registry.example:5000/dev/shop/cache",
            ])
        #expect(try arguments(job(environment, .volume)) == common + ["--cache=true", "--cache-copy-layers", "--cache-repo=oci:/kaniko/layers"])
        #expect(try arguments(job(environment, .none)) == common + ["--cache=false"])
        // What is fetched lies where this builder looks for it.
        let fetched = try pod(job(environment))["initContainers"]?[0]?["args"]?.arrayValue?.last
        #expect(fetched == "--into=/kaniko/buildcontext")
    }

    @Test(arguments: Builder.allCases) func `images are pinned, and never the archived one`(builder: Builder) throws {
        let image = BuilderImages(buildah: "builder:1")[builder]
        #expect(!image.contains("gcr.io") && !image.hasSuffix(":latest") && image.contains(":"))
        #expect(try container(job(build(builder)))["image"]?.stringValue == image)
    }

    @Test(arguments: Builder.allCases) func `no builder is privileged or holds a token`(builder: Builder) throws {
        let job = job(build(builder))
        #expect(try pod(job)["automountServiceAccountToken"] == false)
        #expect(try container(job)["securityContext"]?["privileged"] == nil)
        #expect(try container(job)["volumeMounts"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["context", "handover", "layers"])
        if builder != .buildkit { #expect(try container(job)["securityContext"]?["allowPrivilegeEscalation"] == false) }
        if builder == .buildkit { #expect(try container(job)["securityContext"]?["runAsNonRoot"] == true) }
    }

    @Test(arguments: Builder.allCases) func `a manifest replaces each piece`(builder: Builder) throws {
        let job = job(
            build(builder) {
                $0.image = "mine:1"
                $0.command = ["/bin/mine"]
                $0.args = ["--fast"]
                $0.env = [
                    ["name": "BUILDAH_ISOLATION", "value": "rootless"], ["name": "SEAWAY_CONTEXT", "value": "/x"], ["name": "A", "value": "b"],
                ]
                $0.envFrom = [["secretRef": ["name": "proxy"]]]
                $0.resources = ["limits": ["memory": "1Gi"]]
                $0.securityContext = ["privileged": true]
                $0.serviceAccountName = "builder"
                $0.deadlineSeconds = 77
                $0.retries = 2
                $0.nodeSelector = ["disk": "fast"]
                $0.tolerations = [["operator": "Exists"]]
            })
        let container = try container(job)
        #expect(container["image"] == "mine:1")
        #expect(container["command"] == ["/bin/mine"])
        #expect(container["args"] == ["--fast"])
        #expect(container["envFrom"] == [["secretRef": ["name": "proxy"]]])
        #expect(container["resources"] == ["limits": ["memory": "1Gi"]])
        #expect(container["securityContext"] == ["privileged": true])
        let names = container["env"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
        #expect(Set(names).count == names.count, "a list with one name twice is refused by server-side apply")
        #expect(container["env"]?.arrayValue?.contains(["name": "SEAWAY_CONTEXT", "value": "/x"]) == true)
        let pod = try pod(job)
        #expect(pod["serviceAccountName"] == "builder")
        #expect(pod["nodeSelector"] == ["disk": "fast"])
        #expect(pod["tolerations"] == [["operator": "Exists"]])
        #expect(job["spec"]?["activeDeadlineSeconds"] == 77)
        #expect(job["spec"]?["backoffLimit"] == 2)
    }

    @Test(arguments: Builder.allCases) func `a builder that mounts is let by AppArmor in the cluster's own terms`(builder: Builder) throws {
        let mounts = builder != .kaniko
        let annotation = "container.apparmor.security.beta.kubernetes.io/build"
        for context in [nil, ["runAsUser": 7]] as [JSONValue?] {
            let environment = build(builder) { $0.securityContext = context }
            let old = job(environment)
            #expect(old["spec"]?["template"]?["metadata"]?["annotations"]?[annotation] == (mounts ? "unconfined" : nil))
            #expect(try container(old)["securityContext"]?["appArmorProfile"] == nil)
            var current = settings
            current.hasAppArmorField = true
            let new = Rendering(environment: environment, digest: digest(environment), settings: current).buildJob(cache: .none)
            #expect(new["spec"]?["template"]?["metadata"]?["annotations"] == nil)
            #expect(try container(new)["securityContext"]?["appArmorProfile"] == (mounts ? ["type": "Unconfined"] : nil))
        }
    }

    // MARK: A registry with a login

    private var gateway: OperatorSettings {
        var gateway = settings
        gateway.registryGateway = true
        gateway.registryInsecure = false
        return gateway
    }

    private func job(_ environment: Environment, _ cache: LayerCache, in settings: OperatorSettings) -> JSONValue {
        Rendering(environment: environment, digest: digest(environment), settings: settings).buildJob(cache: cache)
    }

    @Test(arguments: Builder.allCases) func `with a gateway, builders know the loopback and see no token`(builder: Builder) throws {
        let environment = build(builder)
        let job = job(environment, .registry, in: gateway)
        let containers = try #require(try pod(job)["containers"]?.arrayValue)
        // First, so that it listens when the builder starts.
        #expect(containers.first?["name"]?.stringValue == Names.registryContainer)
        #expect(containers.first?["lifecycle"]?["postStart"]?["exec"]?["command"]?[1] == "registry")
        let image = "127.0.0.1:5972/dev/shop:\(digest(environment))"
        let variables = try container(job)["env"]?.arrayValue ?? []
        #expect(variables.contains(["name": "SEAWAY_IMAGE", "value": .string(image)]))
        #expect(variables.contains(["name": "SEAWAY_REGISTRY_INSECURE", "value": "true"]))
        #expect(variables.contains(["name": "SEAWAY_REGISTRY_ALIAS", "value": "registry.example:5000"]))
        let text = try arguments(job).joined(separator: " ")
        #expect(text.contains("127.0.0.1:5972/dev/shop/cache"))
        #expect(!text.replacing("--registry-map=registry.example:5000=", with: "").contains("registry.example"))
        if builder == .kaniko { #expect(text.contains("--registry-map=registry.example:5000=127.0.0.1:5972")) }
        #expect(try container(job)["volumeMounts"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["context", "handover", "layers"])
        // Without one everything is as it was.
        let direct = self.job(environment, .registry)
        #expect(try pod(direct)["containers"]?.arrayValue?.contains { $0["name"]?.stringValue == Names.registryContainer } == false)
        #expect(try container(direct)["env"]?.arrayValue?.contains { $0["name"] == "SEAWAY_REGISTRY_ALIAS" } == false)
    }

    @Test func `pods name the login for pulls where there is one`() throws {
        var pulling = settings
        pulling.pullSecret = true
        let rendering = Rendering(environment: build(.buildah), digest: "d", settings: pulling)
        let secrets: JSONValue = [["name": "seaway-registry-pull"]]
        #expect(try pod(rendering.buildJob(cache: .none))["imagePullSecrets"] == secrets)
        #expect(try pod(rendering.deployment)["imagePullSecrets"] == secrets)
        let without = Rendering(environment: build(.buildah), digest: "d", settings: settings)
        #expect(try pod(without.deployment)["imagePullSecrets"] == nil)
    }

    @Test func `the cache's volume is as the manifest says`() {
        let environment = build(.buildah) { $0.cache = .init(type: "volume", size: "20Gi", storageClassName: "fast") }
        let claim = Rendering(environment: environment, digest: "d", settings: settings).cacheClaim
        #expect(claim["spec"]?["resources"]?["requests"]?["storage"] == "20Gi")
        #expect(claim["spec"]?["storageClassName"] == "fast")
        let other = Rendering(environment: build(.buildah), digest: "d", settings: settings).cacheClaim
        #expect(other["spec"]?["resources"]?["requests"]?["storage"] == "10Gi")
        #expect(other["spec"]?["storageClassName"] == nil)
    }

    @Test func `the digest tells builders and their settings apart, and stays what it was for all others`() {
        let none = environment()
        let explicit = build(.buildah)
        #expect(digest(none) == digest(explicit))
        let placement = build(.buildah) {
            $0.resources = ["limits": ["memory": "1Gi"]]
            $0.deadlineSeconds = 5
            $0.retries = 1
            $0.cache = .init(type: "none")
            $0.nodeSelector = ["a": "b"]
            $0.tolerations = [["operator": "Exists"]]
            $0.serviceAccountName = "x"
        }
        #expect(digest(none) == digest(placement))
        let others = [
            build(.buildkit), build(.kaniko), build(.buildah) { $0.context = "app" },
            build(.buildah) { $0.env = [["name": "A", "value": "b"]] }, build(.buildah) { $0.envFrom = [["secretRef": ["name": "a"]]] },
        ]
        #expect(Set(others.map(digest) + [digest(none)]).count == others.count + 1)
        // As an operator of the first release computed it.
        #expect(digest(none) == "707fc9d15198d49d26c94eab0335f9ec3b5f50b6fa3b080a2108d2800f18f710")
    }
}
