import Foundation
import KubernetesModel
import PodmanStorage
import Testing

extension PodmanTests {
    /// What an application needs besides itself, on the real Podman.
    struct LocalDependencyTests {
        /// A small server of names, which counts its starts in its volume.
        private static func database(word: String, command: String = "[python3, -u, /conf/server.py]", image: String = Storage.base) -> String {
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: db}
            data:
              word: \(word)
              server.py: |
                import http.server, os
                word = open("/conf/word").read() + " " + os.environ["PASSWORD"] + " of " + os.environ["PLACE"]
                starts = open("/data/starts", "a+")
                starts.write("x"); starts.flush(); starts.seek(0)
                text = (word + " " + str(len(starts.read()))).encode()
                open("/scratch/here", "w").close()
                class Page(http.server.BaseHTTPRequestHandler):
                    def do_GET(self):
                        self.send_response(200); self.end_headers(); self.wfile.write(text)
                http.server.ThreadingHTTPServer(("", 5000), Page).serve_forever()
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: db}
            stringData: {password: sesame}
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: data}
            spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 8Mi}}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: names}
            spec: {selector: {app: db}, ports: [{port: 5000}]}
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: db}
            spec:
              selector: {matchLabels: {app: db}}
              template:
                metadata: {labels: {app: db}}
                spec:
                  terminationGracePeriodSeconds: 1
                  initContainers: [{name: first, image: "\(image)", command: ["true"]}]
                  containers:
                    - name: db
                      image: "\(image)"
                      command: \(command)
                      env:
                        - {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
                        - {name: PLACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
                      ports: [{name: http, containerPort: 5000}]
                      readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
                      volumeMounts: [{name: data, mountPath: /data}, {name: conf, mountPath: /conf}, {name: scratch, mountPath: /scratch}]
                  volumes:
                    - {name: data, persistentVolumeClaim: {claimName: data}}
                    - {name: conf, configMap: {name: db}}
                    - {name: scratch, emptyDir: {}}

            """
        }

        private static let others = """
            apiVersion: apps/v1
            kind: DaemonSet
            metadata: {name: agent}
            spec:
              selector: {matchLabels: {app: agent}}
              template:
                metadata: {labels: {app: agent}}
                spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: "\(Storage.base)", command: [sleep, "1000"]}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: once}
            spec: {restartPolicy: Never, containers: [{name: main, image: "\(Storage.base)", command: [echo, done]}]}
            ---
            apiVersion: batch/v1
            kind: CronJob
            metadata: {name: nightly}
            spec: {schedule: "0 0 * * *"}

            """

        /// The application's page is its own text and the answer of its database, by each of its names.
        private static let server = LocalProject.server.replacing(
            "self.wfile.write(page.encode())",
            with: [
                "import urllib.request",
                "names = [] if self.path == '/healthz' else ['db', 'names', 'names.books-test', 'db.books-test.svc.cluster.local']",
                "answers = {urllib.request.urlopen(f'http://{name}:5000', timeout=5).read().decode() for name in names}",
                "self.wfile.write(' | '.join([page] + sorted(answers)).encode())",
            ].joined(separator: "\n        "))

        private static let dependencies = """
                dependencies:
                  - name: db
                    path: k8s/db
                    wait:
                      - {kind: Deployment, name: db, timeout: 5m}
                      - {kind: PersistentVolumeClaim, name: data, timeout: 5m}
                      - {kind: Service, name: names, timeout: 5m}
                  - name: others
                    path: k8s/others
                    wait: [{kind: DaemonSet, name: agent, timeout: 5m}, {kind: Pod, name: once, timeout: 5m}, {kind: Pod, name: once, for: exists}]

            """

        private func project(_ name: String, _ storage: Storage) throws -> LocalProject {
            let project = try LocalProject(name, storage: storage)
            try project.write("manifest.yaml", try String(contentsOfFile: project.directory + "/manifest.yaml", encoding: .utf8) + Self.dependencies)
            try project.write("server.py", Self.server)
            try project.write("k8s/db/all.yaml", Self.database(word: "one"))
            try project.write("k8s/others/all.yaml", Self.others)
            return project
        }

        @Test func theApplicationFindsThemAndTheyGoWithoutATrace() async throws {
            let storage = try await Storage.shared.value
            let project = try project("books", storage)
            let wanted = try await project.seactl("deps", "diff")
            #expect(wanted.exitCode == 1 && wanted.output.contains("db: Deployment books-test/db would be created"), "\(wanted)")
            #expect(wanted.output.contains("skipped Service names: Podman has no Services"), "\(wanted)")
            #expect(!wanted.all.contains("sesame"), "\(wanted)")
            #expect(try await storage.contents() == [])

            let synced = try await project.seactl("env", "sync", "--with-deps")
            try #require(synced.exitCode == 0, "\(synced)")
            #expect(synced.output.contains("4 objects: 4 created, 0 changed, 0 unchanged"), "\(synced)")
            #expect(synced.output.contains("Deployment books-test/db is ready"), "\(synced)")
            #expect(synced.output.contains("PersistentVolumeClaim books-test/data is ready"), "\(synced)")
            #expect(synced.output.contains("not waiting for Service names to be ready: Podman has no Services"), "\(synced)")
            #expect(
                synced.output.contains("DaemonSet books-test/agent is ready") && synced.output.contains("Pod books-test/once is ready"), "\(synced)")
            #expect(synced.output.contains("skipped CronJob nightly: `podman kube play` does not run this kind"), "\(synced)")
            #expect(try await project.page() == "one dev | one sesame of books-test 1")

            // Nothing changed: nothing is restarted.
            let again = try await project.seactl("deps", "apply")
            #expect(again.exitCode == 0 && again.output.contains("4 objects: 0 created, 0 changed, 4 unchanged"), "\(again)")
            #expect(try await project.seactl("deps", "diff").exitCode == 0)
            #expect(try await project.page() == "one dev | one sesame of books-test 1")

            // What changed is played anew, on the same volume.
            try project.write("k8s/db/all.yaml", Self.database(word: "two"))
            let diff = try await project.seactl("deps", "diff", "--only", "db")
            #expect(
                diff.exitCode == 1 && diff.output.contains("ConfigMap books-test/db would be changed") && diff.output.contains("+   word: two"),
                "\(diff)")
            let changed = try await project.seactl("deps", "apply", "-o", "json")
            #expect(changed.exitCode == 0, "\(changed)")
            #expect(
                try results(changed) == [
                    "Service names": "skipped", "ConfigMap db": "changed", "Secret db": "unchanged", "PersistentVolumeClaim data": "unchanged",
                    "Deployment db": "unchanged", "CronJob nightly": "skipped", "DaemonSet agent": "unchanged", "Pod once": "unchanged",
                ])
            #expect(try await project.page() == "one dev | two sesame of books-test 2")

            // What the manifest no longer names goes.
            let manifest = try String(contentsOfFile: project.directory + "/manifest.yaml", encoding: .utf8)
            try project.write("manifest.yaml", try #require(manifest.split(separator: "      - name: others").first.map(String.init)))
            #expect(try await project.seactl("deps", "apply").exitCode == 2)
            let smaller = try await project.seactl("deps", "apply", "--yes")
            #expect(smaller.exitCode == 0 && smaller.output.contains("removed DaemonSet books-test/agent, Pod books-test/once"), "\(smaller)")
            #expect(try await storage.contents().contains { $0.contains("agent") || $0.contains("once") } == false)

            #expect(try await project.seactl("env", "clean").exitCode == 0)
            #expect(try await storage.contents().contains { $0.hasPrefix("pod books-test-db-") })
            let removed = try await project.seactl("deps", "delete")
            #expect(removed.exitCode == 0 && removed.output.contains("PersistentVolumeClaim books-test/data, Secret books-test/db\n"), "\(removed)")
            #expect(removed.output.contains("kept image \(Storage.base); `podman rmi \(Storage.base)` removes it"), "\(removed)")
            #expect(try await storage.contents() == [])
            #expect(project.stateFiles == [])
            #expect(try await project.seactl("deps", "delete").output.contains("there was nothing to remove"))
        }

        @Test func whatFailsIsToldAndHealsByAnotherApply() async throws {
            let storage = try await Storage.shared.value
            let project = try project("broken-books", storage)
            func fails(_ words: String...) async throws {
                let ended = try await project.seactl("deps", "apply", "--only", "db")
                #expect(ended.exitCode == 7, "\(ended)")
                for word in words { #expect(ended.errors.contains(word), "'\(word)' is not in \(ended)") }
            }
            try project.write("k8s/db/all.yaml", Self.database(word: "one", command: #"[sh, -c, "echo out of disk; exit 9"]"#))
            try await fails("Deployment broken-books-test/db will not be ready", "crashes again and again (exit code 9)", "| out of disk")
            // Nothing goes on crashing when nobody looks.
            #expect(try await storage.podman("ps", "--format", "{{.Names}}").output.contains("db") == false)
            try project.write("k8s/db/all.yaml", Self.database(word: "one", image: "127.0.0.1:1/none:1"))
            try await fails("k8s/db/all.yaml", "Deployment broken-books-test/db", "127.0.0.1:1/none:1")
            try project.write("k8s/db/all.yaml", Self.database(word: "one").replacing("key: password", with: "key: other"))
            try await fails("the key other of Secret db is not there")
            try project.write("k8s/db/all.yaml", Self.database(word: "[no, text]"))
            try await fails("data.word must be a text")
            // The same words as for a cluster, as they come before any engine.
            try project.write("k8s/db/all.yaml", "kind: ConfigMap\nmetadata: {name: a}\n")
            let bad = try await project.seactl("deps", "apply", "--only", "db")
            #expect(bad.exitCode == 2 && bad.errors.contains("k8s/db/all.yaml:1: apiVersion is missing"), "\(bad)")
            try project.write("k8s/db/all.yaml", Self.database(word: "one"))
            let healed = try await project.seactl("deps", "apply", "--only", "db")
            #expect(healed.exitCode == 0, "\(healed)")
            #expect(try await project.seactl("deps", "delete").exitCode == 0)
            #expect(try await storage.contents() == [])
            #expect(project.stateFiles == [])
        }

        private func results(_ ended: Ended) throws -> [String: String] {
            let value = try JSONValue(parsing: Data(ended.output.utf8))
            let objects = (value["dependencies"]?.arrayValue ?? []).flatMap { $0["objects"]?.arrayValue ?? [] }
            let pairs = objects.map { ("\($0["kind"]?.stringValue ?? "") \($0["name"]?.stringValue ?? "")", $0["result"]?.stringValue ?? "") }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
    }
}
