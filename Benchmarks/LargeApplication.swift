import Foundation

/// Something to build in a directory with much in it: only one small file gets into the image.
struct LargeApplication {
    let root: String
    let namespace: String
    let bench: Workbench

    func write(copying file: String) throws {
        let manifest = """
            name: large
            environments:
              - name: dev
                namespace: \(namespace)
                build: {buildArgs: {BASE: "${BASE}"}}
                ports: [{name: http, port: 8080}]
            """
        let dockerfile = "ARG BASE\nFROM ${BASE}\nCOPY \(file) /srv/page\nWORKDIR /srv\nCMD [\"python3\", \"-m\", \"http.server\", \"8080\"]\n"
        try manifest.write(toFile: "\(root)/manifest.yaml", atomically: true, encoding: .utf8)
        try dockerfile.write(toFile: "\(root)/Dockerfile", atomically: true, encoding: .utf8)
    }

    func sync(kubeconfig: String? = nil) throws -> Program {
        var program = try bench.seactl(["env", "sync", "--yes"], in: root, kubeconfig: kubeconfig)
        program.variables["BASE"] = try bench.variable("SEAWAY_BASE_IMAGE")
        return program
    }

    func remove() {
        _ = try? bench.kubectl(["delete", "environments", "--all", "--namespace", namespace, "--ignore-not-found", "--timeout=60s"]).run()
        _ = try? bench.kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]).run()
    }
}
