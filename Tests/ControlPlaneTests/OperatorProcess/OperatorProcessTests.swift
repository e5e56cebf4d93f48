import Testing

/// Tests in which the operator is a process. One after the other: each has an API server and a controller manager of its own, and several
/// of them at once do not get ready in time on two cores.
@Suite(
    .serialized, .enabled(if: ControlPlane.isWanted),
    .enabled(if: PrivateControlPlane.isPossible, "the control plane is no process of this machine")) enum OperatorProcessTests
{}
