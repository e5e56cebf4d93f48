import KubernetesModel

extension Field {
    private static let portRange = "a port from 1 to 65535"

    func ports() -> [EnvironmentSpec.Port]? {
        guard let fields = elements("a list, as [{name: http, port: 8080}]") else { return nil }
        let ports = fields.compactMap { $0.port(amongSeveral: fields.count > 1) }
        reportDuplicates(fields, of: "name") { $0.member("name")?.text }
        reportDuplicates(fields, of: "port") { field in
            field.member("port")?.text.map { "\($0)/\(field.member("protocol")?.text ?? "TCP")" }
        }
        return ports
    }

    private func port(amongSeveral: Bool) -> EnvironmentSpec.Port? {
        guard let reader = mapping("a mapping, as {name: http, port: 8080}") else { return nil }
        let nameField = amongSeveral ? reader.required("name", "expected a name, as there are several ports") : reader["name"]
        let name = nameField?.portName()
        let number = reader.required("port", "expected \(Self.portRange)")?.integer(1...65535, Self.portRange)
        let transport = reader["protocol"]?.oneOf(["TCP", "UDP", "SCTP"])
        let nodePort = reader["nodePort"]?.nodePort()
        reader.finish()
        return number.map { EnvironmentSpec.Port(name: name, port: $0, protocol: transport, nodePort: nodePort) }
    }

    /// Zero is what a published manifest writes for a port that the cluster chooses.
    private func nodePort() -> Int? {
        let number = integer(0...65535, "a port of the nodes, as 30080")
        return number == 0 ? nil : number
    }

    private func reportDuplicates(_ fields: [Field], of key: String, _ identity: (Field) -> String?) {
        var first: [String: Int] = [:]
        for field in fields {
            guard let text = identity(field), let member = field.member(key) else { continue }
            if let line = first[text] {
                member.fail("\(text) is used twice (first in line \(line)), expected a \(key) of its own")
            } else {
                first[text] = member.node.place.line
            }
        }
    }

    func network(olderPorts: [EnvironmentSpec.Port]?) -> EnvironmentSpec.Network? {
        guard let reader = mapping("a mapping with 'service' and 'ingress'") else { return nil }
        let service = reader["service"]?.service()
        let ports = service?.ports ?? olderPorts
        let ingress = reader["ingress"]?.ingress(servicePorts: ports)
        reader.finish()
        return EnvironmentSpec.Network(service: service, ingress: ingress)
    }

    private func service() -> EnvironmentSpec.Service? {
        guard let reader = mapping("a mapping, as {enabled: true, ports: [{name: http, port: 8080}]}") else { return nil }
        var service = EnvironmentSpec.Service()
        service.enabled = reader["enabled"]?.bool()
        service.annotations = reader["annotations"]?.stringMap("values by name")
        service.type = reader["type"]?.oneOf(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])
        service.externalName = reader["externalName"]?.nonEmptyString("a host name")
        service.ports = reader["ports"]?.ports()
        if service.type == "ExternalName", service.externalName == nil {
            context.report(place(of: "type"), Field.path(path, "externalName"), "is missing, expected a host name for the type ExternalName")
        }
        reader.finish()
        return service
    }

    private func place(of key: String) -> Place {
        member(key)?.node.place ?? node.place
    }

    private func ingress(servicePorts: [EnvironmentSpec.Port]?) -> EnvironmentSpec.Ingress? {
        guard let reader = mapping("a mapping, as {enabled: true}") else { return nil }
        var ingress = EnvironmentSpec.Ingress()
        ingress.enabled = reader["enabled"]?.bool()
        ingress.annotations = reader["annotations"]?.stringMap("values by name")
        ingress.className = reader["className"]?.nonEmptyString("the name of an IngressClass")
        ingress.host = reader["host"]?.hostName()
        let port = reader["port"]
        ingress.port = port?.integer(1...65535, Self.portRange)
        if let port, let number = ingress.port, let servicePorts, !servicePorts.isEmpty, !servicePorts.contains(where: { $0.port == number }) {
            port.fail("\(number) is no port of the Service, expected one of \(servicePorts.map { "\($0.port)" }.joined(separator: ", "))")
        }
        ingress.tls = reader["tls"]?.elements("a list, as [{hosts: [shop.example.com], secretName: shop-tls}]")?.compactMap { $0.tls() }
        reader.finish()
        return ingress
    }

    private func tls() -> JSONValue? {
        guard let reader = mapping("a mapping, as {hosts: [shop.example.com], secretName: shop-tls}") else { return nil }
        let hosts = reader["hosts"]?.elements("a list of host names")?.compactMap { $0.hostName() }
        let secret = reader["secretName"]?.expandedString("the name of a TLS Secret")
        reader.finish()
        return JSONValue.object([
            "hosts": hosts.map { .array($0.map(JSONValue.string)) } ?? .null,
            "secretName": secret.map(JSONValue.string) ?? .null,
        ]).droppingNulls
    }
}
