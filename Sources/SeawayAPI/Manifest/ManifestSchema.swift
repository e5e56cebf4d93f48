import KubernetesModel

extension Manifest {
    /// The JSON Schema (draft 7) of manifests, for editors. It is made of the tables by which manifests are read.
    ///
    /// It knows all fields and most of their forms; what depends on other fields, on variables or on files, only reading tells.
    public static var jsonSchema: JSONValue {
        var schema = ManifestShapes.manifest.schema
        schema["$schema"] = "http://json-schema.org/draft-07/schema#"
        schema["title"] = "Seaway manifest"
        schema["description"] = "One application and its environments; see docs/manifest.md."
        return schema
    }
}
