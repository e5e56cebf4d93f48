import Testing

@testable import SeawayAPI

/// Exact texts: what people read when a manifest is wrong.
@Suite("Manifest errors") struct ManifestErrorTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var yaml: String
        var errors: [String]

        init(_ description: String, _ yaml: String, _ errors: String...) {
            self.testDescription = description
            self.yaml = yaml
            self.errors = errors
        }

        /// A manifest whose only environment has these lines; the first of them is line 4.
        static func environment(_ description: String, _ yaml: String, _ errors: String...) -> Case {
            let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
            var made = Case(description, "name: shop\nenvironments:\n  - name: dev\n" + lines.joined(separator: "\n") + "\n")
            made.errors = errors
            return made
        }
    }

    static let document: [Case] = [
        Case("empty file", "", "m.yaml:1:1: is empty, expected at least 'name' and 'environments'"),
        Case("only a comment", "# nothing\n", "m.yaml:1:1: is empty, expected at least 'name' and 'environments'"),
        Case("a list", "- a\n", "m.yaml:1:1: expected a mapping with 'name' and 'environments', found a list"),
        Case(
            "nothing that is needed", "version: 1\n", "m.yaml:1:1: name: is missing, expected the application's name",
            "m.yaml:1:1: environments: is missing, expected a list of at least one environment"),
        Case("no environments", "name: shop\nenvironments: []\n", "m.yaml:2:15: environments: is empty, expected at least one environment"),
        Case(
            "environments as a mapping", "name: shop\nenvironments: {dev: {}}\n",
            "m.yaml:2:15: environments: expected a list of environments, found a mapping"),
        Case(
            "invalid names", "name: My_Shop\nenvironments:\n  - name: Dev\n    namespace: -a\n",
            "m.yaml:1:7: name: 'My_Shop' is no valid name, expected lower-case letters, digits and hyphens, at most 57, beginning with a letter and "
                + "ending with a letter or digit",
            "m.yaml:3:11: environments[0].name: 'Dev' is no valid name, expected lower-case letters, digits and hyphens, at most 63, with a letter "
                + "or digit at both ends",
            "m.yaml:4:16: environments[0].namespace: '-a' is no valid name, expected lower-case letters, digits and hyphens, at most 63, with a "
                + "letter or digit at both ends"),
        Case(
            "an environment without a name", "name: shop\nenvironments:\n  - replicas: 1\n",
            "m.yaml:3:5: environments[0].name: is missing, expected the environment's name"),
        Case(
            "an environment twice", "name: shop\nenvironments:\n  - name: dev\n  - name: ci\n  - name: dev\n",
            "m.yaml:5:11: environments[2].name: a second environment called 'dev' (the first is in line 3), expected a name of its own"),
        Case(
            "an unknown default", "name: shop\ndefaultEnvironment: dve\nenvironments: [{name: dev}, {name: ci}]\n",
            "m.yaml:2:21: defaultEnvironment: no environment is called 'dve', there is: dev, ci; did you mean 'dev'?"),
        Case(
            "an unknown field", "name: shop\nenvironment: []\nenvironments: [{name: dev}]\n",
            "m.yaml:2:1: environment: unknown field, did you mean 'environments'?"),
        Case(
            "a field like no other", "name: shop\nzzzzzz: 1\nenvironments: [{name: dev}]\n",
            "m.yaml:2:1: zzzzzz: unknown field, known fields: defaultEnvironment, description, environments, name, version"),
        Case(
            "an empty element", "name: shop\nenvironments:\n  - name: dev\n  -\n", "m.yaml:4:4: environments[1]: is empty, remove it"),
    ]

    static let yaml: [Case] = [
        Case(
            "bad indentation", "name: shop\n environments: []\n",
            "m.yaml:2:14: not valid YAML: mapping values are not allowed in this context"),
        Case(
            "a tab", "name: shop\nenvironments:\n\t- name: dev\n",
            "m.yaml:3:1: not valid YAML: found character that cannot start any token while scanning for the next token; "
                + "indent with spaces, not with tabs"),
        Case(
            "an open bracket", "name: shop\nenvironments: [{name: dev}\n",
            "m.yaml:3:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that begins in line 2"),
        Case("an unknown alias", "name: *shop\n", "m.yaml:1:7: not valid YAML: found undefined alias"),
        Case("a control character", "name: shop\nversion: a\u{1}b\n", "m.yaml:2:11: not valid YAML: the character U+0001 is not allowed"),
        Case("two documents", "name: shop\n---\nname: b\n", "m.yaml:2:1: a second YAML document begins here, a manifest is one document"),
        Case(
            "duplicate keys among other errors",
            "name: shop\nname: b\nenvironments:\n  - name: dev\n    replicas: x\n    'replicas': 2\n    name: ci\n",
            "m.yaml:2:1: name: given more than once (first in line 1), keep one",
            "m.yaml:5:15: environments[0].replicas: expected a whole number, 0 or more, found the text 'x'",
            "m.yaml:6:5: environments[0].replicas: given more than once (first in line 5), keep one",
            "m.yaml:7:5: environments[0].name: given more than once (first in line 4), keep one"),
    ]

    static let environment: [Case] = [
        .environment(
            "misspelt and wrong at once", "replica: 1\nworkingdir: /x\nvars: 5\nbuild: []\nnetwork: x\ncommand: run\nlivenessProbe: yes\n",
            "m.yaml:4:5: environments[0].replica: unknown field, did you mean 'replicas'?",
            "m.yaml:5:5: environments[0].workingdir: unknown field, did you mean 'workingDir'?",
            "m.yaml:6:11: environments[0].vars: expected a mapping with 'env' and 'envFrom', found 5",
            "m.yaml:7:12: environments[0].build: expected a mapping, as {dockerfile: Dockerfile}, found a list",
            "m.yaml:8:14: environments[0].network: expected a mapping with 'service' and 'ingress', found the text 'x'",
            "m.yaml:9:14: environments[0].command: expected a list of strings, as [\"python3\", \"-m\", \"app\"], found the text 'run'",
            "m.yaml:10:20: environments[0].livenessProbe: expected a Kubernetes probe, as {httpGet: {path: /, port: 8080}}, found the text 'yes'"),
        .environment(
            "replicas", "replicas: -1", "m.yaml:4:15: environments[0].replicas: -1 is out of range, expected a whole number, 0 or more"),
        .environment(
            "quoted replicas", "replicas: '2'", "m.yaml:4:15: environments[0].replicas: expected a whole number, 0 or more, found the text '2'"),
        .environment(
            "a relative working directory", "workingDir: app",
            "m.yaml:4:17: environments[0].workingDir: 'app' is relative, expected an absolute path in the container"),
        .environment(
            "quantities", "resources: {memory: 2GB, cpu: -1, mem: 1, requests: {cpu: 1}, example.com/gpu: 1}",
            "m.yaml:4:25: environments[0].resources.memory: '2GB' is no quantity, expected a quantity as 256Mi, 2Gi, 100m or 0.5",
            "m.yaml:4:35: environments[0].resources.cpu: '-1' is no quantity, expected a quantity as 256Mi, 2Gi, 100m or 0.5",
            "m.yaml:4:39: environments[0].resources.mem: unknown resource, expected cpu, memory, ephemeral-storage or an extended resource as "
                + "example.com/gpu",
            "m.yaml:4:47: environments[0].resources.requests: is not needed, expected quantities by resource, as {memory: 256Mi}; they are "
                + "requests and limits alike"),
        .environment(
            "variables of the application",
            "vars:\n  env:\n    - {name: A, value: {b: c}}\n    - {value: x}\n    - {name: 1A, value: x}\n    - {name: A, valueform: {}}\n"
                + "    - {name: B, value: x, valueFrom: {secretKeyRef: {name: a, key: b}}}\n"
                + "  envFrom: [{prefix: X_}, {secretRef: {name: a}, configMapRef: {name: b}}]",
            "m.yaml:6:28: environments[0].vars.env[0].value: expected a string, found a mapping",
            "m.yaml:7:11: environments[0].vars.env[1].name: is missing, expected the variable's name",
            "m.yaml:8:18: environments[0].vars.env[2].name: '1A' is no valid variable name, expected letters, digits, '_', '-' and '.', not "
                + "beginning with a digit",
            "m.yaml:9:18: environments[0].vars.env[3].name: a second variable called 'A' (the first is in line 6), keep one",
            "m.yaml:9:21: environments[0].vars.env[3].valueform: unknown field, did you mean 'valueFrom'?",
            "m.yaml:10:42: environments[0].vars.env[4].valueFrom: stands beside 'value', keep one of them",
            "m.yaml:11:17: environments[0].vars.envFrom[0]: names no source, expected either 'configMapRef' or 'secretRef'",
            "m.yaml:11:31: environments[0].vars.envFrom[1]: names two sources, expected either 'configMapRef' or 'secretRef'"),
        .environment(
            "the build", "build: {dockerfile: ../Dockerfile, platform: linux, include: '*.py', buildArgs: [a], dockerFile: x, cache: true}",
            "m.yaml:4:25: environments[0].build.dockerfile: '../Dockerfile' leaves the manifest's directory, expected a path in the source tree, "
                + "as Dockerfile",
            "m.yaml:4:50: environments[0].build.platform: 'linux' is no platform, expected os/arch, as linux/amd64",
            "m.yaml:4:66: environments[0].build.include: expected a list of regular expressions, as [\"^app/\"], found the text '*.py'",
            "m.yaml:4:85: environments[0].build.buildArgs: expected values by name, as {BASE: debian}, found a list",
            "m.yaml:4:90: environments[0].build.dockerFile: unknown field, did you mean 'dockerfile'?",
            "m.yaml:4:112: environments[0].build.cache: 'true' is not allowed, expected one of volume, registry, none"),
        .environment(
            "the build's engine and pod",
            """
            build:
              builder: kanico
              cache: {type: registry, size: 20G1, class: x}
              context: /app
              env: [{name: A, value: 1}, {name: A, value: 2}]
              envFrom: [{}]
              resources: {requests: {memory: 2GB}, cpu: 1}
              securityContext: [root]
              serviceAccount: builder
              serviceAccountName: The_Builder
              deadline: 30
              retries: 11
              nodeSelector: ssd
              tolerations: [{operator: Exist}, {value: a}, {operator: Exists, value: a, seconds: 5}]
              secrets: []
            """,
            "m.yaml:5:16: environments[0].build.builder: 'kanico' is not allowed, expected one of buildah, buildkit, kaniko; did you mean 'kaniko'?",
            "m.yaml:6:37: environments[0].build.cache.size: '20G1' is no quantity, expected a quantity as 256Mi, 2Gi, 100m or 0.5",
            "m.yaml:6:37: environments[0].build.cache.size: belongs to a volume, remove it or write 'type: volume'",
            "m.yaml:6:43: environments[0].build.cache.class: unknown field, known fields: size, storageClassName, type",
            "m.yaml:7:16: environments[0].build.context: '/app' leaves the manifest's directory, expected a directory of the source tree, as app",
            "m.yaml:8:41: environments[0].build.env[1].name: a second variable called 'A' (the first is in line 8), keep one",
            "m.yaml:9:17: environments[0].build.envFrom[0]: names no source, expected either 'configMapRef' or 'secretRef'",
            "m.yaml:10:38: environments[0].build.resources.requests.memory: '2GB' is no quantity, expected a quantity as 256Mi, 2Gi, 100m or 0.5",
            "m.yaml:10:44: environments[0].build.resources.cpu: stands beside requests or limits, write it into one of them",
            "m.yaml:11:24: environments[0].build.securityContext: expected a Kubernetes security context, as {runAsUser: 1000}, found a list",
            "m.yaml:12:7: environments[0].build.serviceAccount: is called 'serviceAccountName' here",
            "m.yaml:13:27: environments[0].build.serviceAccountName: 'The_Builder' is no valid name, expected the name of a ServiceAccount, "
                + "lower-case letters, digits, hyphens and dots, at most 253",
            "m.yaml:14:17: environments[0].build.deadline: '30' is no duration, expected a duration with its unit, as 30m or 1h30m",
            "m.yaml:15:16: environments[0].build.retries: 11 is out of range, expected a whole number from 0 to 10",
            "m.yaml:16:21: environments[0].build.nodeSelector: expected labels of nodes, as {disk: ssd}, found the text 'ssd'",
            "m.yaml:17:21: environments[0].build.tolerations[0]: has no 'key', expected one, or 'operator: Exists' for all taints",
            "m.yaml:17:32: environments[0].build.tolerations[0].operator: 'Exist' is not allowed, expected one of Equal, Exists; did you mean "
                + "'Exists'?",
            "m.yaml:17:40: environments[0].build.tolerations[1]: has no 'key', expected one, or 'operator: Exists' for all taints",
            "m.yaml:17:78: environments[0].build.tolerations[2].value: stands beside 'operator: Exists', remove it",
            "m.yaml:17:81: environments[0].build.tolerations[2].seconds: unknown field, known fields: effect, key, operator, tolerationSeconds, "
                + "value",
            "m.yaml:18:7: environments[0].build.secrets: is not there, builds hold no credentials, remove it (envFrom gives the build a Secret that "
                + "it may know)"),
        .environment(
            "secrets and the life of the environment",
            """
            temporary: perhaps
            ttl: 8
            secrets:
              - {name: db, fromEnvFile: .env, fromFile: {}}
              - {name: db}
              - {fromEnvFile: ''}
              - {name: My Secret, fromFile: {'a b': x, c: , d: [x]}}
            """,
            "m.yaml:4:16: environments[0].temporary: expected true or false, found the text 'perhaps'",
            "m.yaml:5:10: environments[0].ttl: '8' is no duration, expected a duration with its unit, as 8h or 1h30m",
            "m.yaml:5:10: environments[0].ttl: is the life of a temporary environment, expected 'temporary: true' beside it",
            "m.yaml:7:9: environments[0].secrets[0]: names two sources, expected either 'fromEnvFile' or 'fromFile'",
            "m.yaml:8:9: environments[0].secrets[1]: names no file, expected either 'fromEnvFile' or 'fromFile'",
            "m.yaml:8:16: environments[0].secrets[1].name: a second Secret called 'db' (the first is in line 7), expected a name of its own",
            "m.yaml:9:9: environments[0].secrets[2].name: is missing, expected the Secret's name",
            "m.yaml:9:23: environments[0].secrets[2].fromEnvFile: is empty, expected a file of lines KEY=value, as .env.dev",
            "m.yaml:10:16: environments[0].secrets[3].name: 'My Secret' is no valid name, expected the Secret's name, lower-case letters, digits, "
                + "hyphens and dots, at most 253",
            "m.yaml:10:38: environments[0].secrets[3].fromFile['a b']: is no key of a Secret, expected letters, digits, '-', '_' and '.'",
            "m.yaml:10:48: environments[0].secrets[3].fromFile.c: is empty, expected a file, as certs/tls.key",
            "m.yaml:10:56: environments[0].secrets[3].fromFile.d: expected a file, as certs/tls.key, found a list"),
        .environment(
            "regular expressions", "build: {include: ['^*.py$', '(', ok], exclude: ['[z-a]']}",
            "m.yaml:4:33: environments[0].build.include[1]: '(' is no regular expression: not a pattern, expected RE2 syntax, as ^app/ or \\.py$",
            "m.yaml:4:53: environments[0].build.exclude[0]: '[z-a]' is no regular expression: not a pattern, expected RE2 syntax, as ^app/ or "
                + "\\.py$"),
        .environment(
            "ports",
            "ports:\n  - {port: 70000}\n  - {name: http, port: 80, protocol: tcp}\n  - {name: http, port: '80'}\n  - {name: TOO_long, port: 81}",
            "m.yaml:5:9: environments[0].ports[0].name: is missing, expected a name, as there are several ports",
            "m.yaml:5:16: environments[0].ports[0].port: 70000 is out of range, expected a port from 1 to 65535",
            "m.yaml:6:42: environments[0].ports[1].protocol: 'tcp' is not allowed, expected one of TCP, UDP, SCTP; did you mean 'TCP'?",
            "m.yaml:7:16: environments[0].ports[2].name: http is used twice (first in line 6), expected a name of its own",
            "m.yaml:7:28: environments[0].ports[2].port: expected a port from 1 to 65535, found the text '80'",
            "m.yaml:8:16: environments[0].ports[3].name: 'TOO_long' is no valid port name, expected at most 15 lower-case letters, digits and "
                + "hyphens with at least one letter"),
        .environment(
            "one port twice", "ports: [{name: a, port: 80}, {name: b, port: 80}, {name: c, port: 80, protocol: UDP}]",
            "m.yaml:4:50: environments[0].ports[1].port: 80/TCP is used twice (first in line 4), expected a port of its own"),
        .environment(
            "the network",
            "network:\n  service: {enabled: maybe, type: Nodeport, ports: [{port: 80}]}\n  ingress: {host: Shop, port: 81, tls: [{host: a}]}",
            "m.yaml:5:26: environments[0].network.service.enabled: expected true or false, found the text 'maybe'",
            "m.yaml:5:39: environments[0].network.service.type: 'Nodeport' is not allowed, expected one of ClusterIP, NodePort, LoadBalancer, "
                + "ExternalName; did you mean 'NodePort'?",
            "m.yaml:6:23: environments[0].network.ingress.host: 'Shop' is no valid name, expected a host name, as shop.example.com",
            "m.yaml:6:35: environments[0].network.ingress.port: 81 is no port of the Service, expected one of 80",
            "m.yaml:6:46: environments[0].network.ingress.tls[0].host: unknown field, did you mean 'hosts'?"),
        .environment(
            "an external name that is missing", "network: {service: {type: ExternalName}}",
            "m.yaml:4:31: environments[0].network.service.externalName: is missing, expected a host name for the type ExternalName"),
        .environment(
            "dependencies",
            "dependencies:\n  - {name: db}\n  - {name: db, path: /k8s, type: helm}\n"
                + "  - {name: x, path: k8s, wait: [{kind: Deployment, name: a, for: Ready2, timeout: 30}]}",
            "m.yaml:5:9: environments[0].dependencies[0]: names no directory, expected 'path'",
            "m.yaml:6:9: environments[0].dependencies[1]: names no chart, expected 'chart' beside 'type: helm'",
            "m.yaml:6:9: environments[0].dependencies[1]: has 'path' beside 'type: helm', expected 'chart'",
            "m.yaml:6:16: environments[0].dependencies[1].name: a second dependency called 'db' (the first is in line 5), expected a name of its own",
            "m.yaml:6:26: environments[0].dependencies[1].path: '/k8s' leaves the manifest's directory, expected a directory of the source tree, as "
                + "k8s/db, or the URL of a remote kustomization",
            "m.yaml:7:70: environments[0].dependencies[2].wait[0].for: 'Ready2' is not allowed, expected ready, condition=TYPE[=VALUE], "
                + "jsonpath={.path}[=VALUE], exists or delete",
            "m.yaml:7:87: environments[0].dependencies[2].wait[0].timeout: '30' is no duration, expected a duration with its unit, as 30s, "
                + "5m or 1h30m"
        ),
        .environment(
            "fields of the past and of the future",
            "source: {s3: {}}\nstore: {bucket: b}\nnetworking: {}\nrevision: x\nttlSeconds: 5",
            "m.yaml:4:5: environments[0].source: was replaced by 'store:', which is now chosen once for the cluster: `seactl install --store …`, "
                + "remove it",
            "m.yaml:5:5: environments[0].store: is chosen once for the cluster: `seactl install --store …`, remove it",
            "m.yaml:6:5: environments[0].networking: was renamed, write 'network'",
            "m.yaml:7:5: environments[0].revision: is set by `seactl env sync`, remove it",
            "m.yaml:8:5: environments[0].ttlSeconds: is called 'ttl' here, as ttl: 8h"),
        Case(
            "a source at the top, as the oldest manifests had it", "name: shop\nsource: {git: {}}\nenvironments: [{name: dev}]\n",
            "m.yaml:2:1: source: was replaced by 'store:', which is now chosen once for the cluster: `seactl install --store …`, remove it"),
        .environment(
            "no variable", "build: {buildArgs: {A: '${', B: '${1}'}}",
            "m.yaml:4:28: environments[0].build.buildArgs.A: '${' is no variable, expected ${NAME} or ${NAME:-default}, or $${ for the characters "
                + "themselves",
            "m.yaml:4:37: environments[0].build.buildArgs.B: '${1}' is no variable, expected ${NAME} or ${NAME:-default}, or $${ for the characters "
                + "themselves"),
    ]

    @Test(arguments: document + yaml + environment) func reads(_ wrong: Case) {
        // The real check of patterns belongs to another target; here it only matters where its answer is shown.
        let check: @Sendable (String) -> String? = { ["(", "[z-a]"].contains($0) ? "not a pattern" : nil }
        #expect(
            messages { () throws(ManifestErrors) in _ = try Manifest.parse(yaml: wrong.yaml, file: "m.yaml", patternProblem: check) } == wrong.errors)
    }

    @Test func `a file that is missing is named`() {
        #expect(
            messages { () throws(ManifestErrors) in _ = try Manifest.load(path: "/nowhere/manifest.yaml") }
                == ["/nowhere/manifest.yaml: no such file, run this in the application's directory or name the file with --manifest"])
    }

    @Test func `values of variables never show in errors`() throws {
        let text = "name: shop\nenvironments:\n  - name: dev\n    vars: {env: [{name: A, value: hunter2, valueFrom: hunter2}]}\n    x: 1\n"
        let errors = messages { () throws(ManifestErrors) in _ = try Manifest.parse(yaml: text) }
        #expect(!errors.isEmpty)
        #expect(!errors.joined().contains("value: hunter2"))
    }
}

func messages(_ body: () throws(ManifestErrors) -> Void) -> [String] {
    do throws(ManifestErrors) {
        try body()
        return []
    } catch {
        return error.errors.map(\.description)
    }
}
