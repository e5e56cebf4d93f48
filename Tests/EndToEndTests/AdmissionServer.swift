import Foundation
import KubernetesClient
import KubernetesModel
import Subprocess
import Testing

/// An admission webhook that refuses pods, as a policy of the cluster does: a server of this test that the API server asks.
struct AdmissionServer {
    static let words = "pods of this team have to name a cost centre"

    /// Does something while pods that match are refused, in the namespace of the application alone.
    static func refusing(
        podsWith label: String, of application: Application, _ body: @Sendable () async throws -> Void
    ) async throws {
        let directory = application.directory + ".admission"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let made = try await run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=admission",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "\(directory)/tls.key", "-out", "\(directory)/tls.crt",
            ])
        try #require(made.exitCode == 0, "\(made)")
        let ended = try await Subprocess.run(
            .name("python3"), arguments: ["-c", program, directory], input: .none, output: .discarded, error: .discarded
        ) { server in
            let result: Result<Void, any Error>
            do { result = .success(try await registered(label, application, directory, body)) } catch { result = .failure(error) }
            try server.send(signal: .kill)
            return result
        }
        try ended.closureResult.get()
    }

    /// Does something while the API server asks the server of that directory.
    private static func registered(
        _ label: String, _ application: Application, _ directory: String, _ body: @Sendable () async throws -> Void
    ) async throws {
        let cluster = application.cluster
        let port = try await cluster.eventually("the admission server") {
            (try? String(contentsOfFile: "\(directory)/port", encoding: .utf8)).flatMap { Int($0) }
        }
        let type = ResourceType(
            group: "admissionregistration.k8s.io", version: "v1", plural: "validatingwebhookconfigurations", kind: "ValidatingWebhookConfiguration")
        let name = "seaway-test-\(application.namespace)"
        let certificate = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/tls.crt")).base64EncodedString()
        _ = try await cluster.client.mergePatch(
            .namespaces, ["metadata": ["labels": ["seaway-test": .string(application.namespace)]]], name: application.namespace, namespace: nil)
        _ = try await cluster.client.create([
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": ["name": .string(name)],
            "webhooks": [
                [
                    "name": "cost-centres.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
                    "timeoutSeconds": 10, "clientConfig": ["url": .string("https://127.0.0.1:\(port)/"), "caBundle": .string(certificate)],
                    "namespaceSelector": ["matchLabels": ["seaway-test": .string(application.namespace)]],
                    "objectSelector": ["matchExpressions": [["key": .string(label), "operator": "Exists"]]],
                    "rules": [["apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]]],
                ]
            ],
        ])
        let result: Result<Void, any Error>
        do {
            try await cluster.counts(label, application)
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        try await cluster.client.delete(type, name: name, namespace: nil)
        try result.get()
    }

    private static let program = """
        import http.server, json, os, ssl, sys
        class Review(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
                response = {"uid": request["uid"], "allowed": False, "status": {"code": 403, "message": "\(words)"}}
                body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *_): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Review)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1] + "/tls.crt", sys.argv[1] + "/tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with open(sys.argv[1] + "/port.new", "w") as file: file.write(str(server.server_port))
        os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
        server.serve_forever()
        """
}

extension TestCluster {
    /// Waits until the API server asks about such pods, which it does some time after it was told to.
    fileprivate func counts(_ label: String, _ application: Application) async throws {
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": "asked-about", "namespace": .string(application.namespace), "labels": [label: "asked-about"]],
            "spec": ["containers": [["name": "none", "image": "none"]]],
        ]
        _ = try await eventually("the webhook to count") { () -> Bool? in
            do {
                _ = try await client.create(pod)
                try await client.delete(.pods, name: "asked-about", namespace: application.namespace)
                return nil
            } catch {
                return "\(error)".contains(AdmissionServer.words) ? true : nil
            }
        }
    }
}
