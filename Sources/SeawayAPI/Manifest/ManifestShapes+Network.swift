import KubernetesModel

extension ManifestShapes {
    private static let portRange = "a port from 1 to 65535"

    static var ports: Shape<[EnvironmentSpec.Port]> {
        .list(of: port, "a list, as [{name: http, port: 8080}]") { fields in
            if fields.count > 1 {
                for field in fields { _ = field.require("name", "expected a name, as there are several ports") }
            }
            Field.reportDuplicates(fields, of: "name") {
                $0.member("name")?.text
            } _: {
                "\($0) is used twice (first in line \($1)), expected a name of its own"
            }
            Field.reportDuplicates(fields, of: "port") { field in
                field.member("port")?.text.map { "\($0)/\(field.member("protocol")?.text ?? "TCP")" }
            } _: {
                "\($0) is used twice (first in line \($1)), expected a port of its own"
            }
        }
    }

    private static var port: Shape<EnvironmentSpec.Port> {
        MappingShape(
            "a mapping, as {name: http, port: 8080}",
            [
                .optional("name", \.name, .portName, "Name of the port; needed where there are several."),
                .required(
                    "port", \.port, .integer(1...65535, portRange), missing: "expected \(portRange)", "Port of the container and of the Service."),
                .optional("protocol", \.protocol, .oneOf(["TCP", "UDP", "SCTP"]), "Transport protocol. Default TCP."),
                .optional("nodePort", \.nodePort, .integer(0...65535, "a port of the nodes, as 30080"), "Port on every node. Default chosen."),
            ]
        ) { _, port in
            // Zero is what a published manifest writes for a port that the cluster chooses.
            if port.nodePort == 0 { port.nodePort = nil }
        }.shape(EnvironmentSpec.Port(port: 0))
    }

    static var network: Shape<EnvironmentSpec.Network> {
        MappingShape(
            "a mapping with 'service' and 'ingress'",
            [
                .optional("service", \.service, service, "The Service in front of the pods."),
                .optional("ingress", \.ingress, ingress, "The Ingress in front of the Service."),
            ]
        ).shape(EnvironmentSpec.Network())
    }

    private static var service: Shape<EnvironmentSpec.Service> {
        MappingShape(
            "a mapping, as {enabled: true, ports: [{name: http, port: 8080}]}",
            [
                .optional("enabled", \.enabled, .bool, "Whether there is a Service. Default true with an Ingress or with the older ports."),
                .optional("annotations", \.annotations, Shape<String>.map(of: .string(), "values by name"), "Annotations of the Service."),
                .optional(
                    "type", \.type, .oneOf(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]), "Type of the Service. Default ClusterIP."),
                .optional("externalName", \.externalName, .nonEmpty("a host name"), "Host name that a Service of type ExternalName stands for."),
                .optional("ports", \.ports, ports, "Ports of the application. Default 9000."),
            ]
        ) { field, service in
            guard service.type == "ExternalName", service.externalName == nil else { return }
            field.context.report(
                field.member("type")?.node.place ?? field.node.place, Field.path(field.path, "externalName"),
                "is missing, expected a host name for the type ExternalName")
        }.shape(EnvironmentSpec.Service())
    }

    private static var ingress: Shape<EnvironmentSpec.Ingress> {
        MappingShape(
            "a mapping, as {enabled: true}",
            [
                .optional("enabled", \.enabled, .bool, "Whether there is an Ingress. Default false."),
                .optional("annotations", \.annotations, Shape<String>.map(of: .string(), "values by name"), "Annotations of the Ingress."),
                .optional("className", \.className, .nonEmpty("the name of an IngressClass"), "IngressClass. Default the operator's."),
                .optional("host", \.host, .hostName, "Host name. Default the first of tls, else NAME.NAMESPACE.DOMAIN. Variables allowed."),
                .optional("port", \.port, .integer(1...65535, portRange), "Port of the Service that requests go to. Default its first."),
                .optional("tls", \.tls, .list(of: tls, "a list, as [{hosts: [shop.example.com], secretName: shop-tls}]"), "Certificates by host."),
            ]
        ).shape(EnvironmentSpec.Ingress())
    }

    private struct TLS {
        var hosts: [String]?
        var secretName: String?
    }

    private static var tls: Shape<JSONValue> {
        MappingShape<TLS>(
            "a mapping, as {hosts: [shop.example.com], secretName: shop-tls}",
            [
                .optional("hosts", \.hosts, Shape<String>.list(of: .hostName, "a list of host names"), "Hosts. Variables allowed."),
                .optional("secretName", \.secretName, .expanded("the name of a TLS Secret"), "Secret with their certificate. Variables allowed."),
            ]
        ).shape(TLS()).map { tls in
            JSONValue.object([
                "hosts": tls.hosts.map { .array($0.map(JSONValue.string)) } ?? .null, "secretName": tls.secretName.map(JSONValue.string) ?? .null,
            ]).droppingNulls
        }
    }

    /// The Ingress leads to a port of the Service, which may also stand in the older `ports`.
    static func checkIngressPort(_ environment: Field, _ spec: EnvironmentSpec) {
        guard let port = environment.present("network")?.present("ingress")?.present("port"), let number = spec.network?.ingress?.port,
            let ports = spec.network?.service?.ports ?? spec.ports, !ports.isEmpty, !ports.contains(where: { $0.port == number })
        else { return }
        port.fail("\(number) is no port of the Service, expected one of \(ports.map { "\($0.port)" }.joined(separator: ", "))")
    }
}
