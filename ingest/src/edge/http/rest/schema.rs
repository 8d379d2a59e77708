//! What messages look like as JSON (JSON Schema 2020-12, as OpenAPI 3.1 takes it), told from their descriptors and in the
//! words of the .proto files.

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
    MethodDescriptor,
};
use serde_json::{Map, Value, json};

pub(super) use crate::edge::wire::DESCRIPTORS;

/// A route that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("there is no rpc {0}")]
pub(super) struct NoRpc(String);

/// The rpc of this name: `package.Service/Method`.
pub(super) fn rpc(pool: &DescriptorPool, name: &str) -> Result<MethodDescriptor, NoRpc> {
    let found = name.split_once('/').and_then(|(service, method)| {
        pool.get_service_by_name(service)?.methods().find(|found| found.name() == method)
    });
    found.ok_or_else(|| NoRpc(name.to_owned()))
}

/// All messages and enums that are reached from some, by the names that they have in a document.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// A reference to a message, which is described with all that it holds.
    pub(super) fn message(&mut self, of: &MessageDescriptor) -> Value {
        let name = short(of.full_name());
        if !self.0.contains_key(&name) {
            // It may hold itself, as a tree does.
            self.0.insert(name.clone(), Value::Null);
            let fields = of.fields().map(|field| (field.name().to_owned(), self.field(&field)));
            let properties: Map<String, Value> = fields.collect();
            let about = comment(&of.parent_file(), of.path());
            let schema = json!({ "type": "object", "description": about, "properties": properties });
            self.0.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// A field, with what is said of it.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let value = entry.map_entry_value_field();
                json!({ "type": "object", "additionalProperties": self.one(&value.kind()) })
            }
            kind if field.is_list() => json!({ "type": "array", "items": self.one(&kind) }),
            kind => self.one(&kind),
        };
        described(schema, &comment(&field.parent_file(), field.path()))
    }

    fn one(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Message(of) if is_mask(of) => json!({ "type": "string" }),
            Kind::Message(of) => self.message(of),
            Kind::Enum(of) => self.choice(of),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Double | Kind::Float => json!({ "type": "number", "format": "double" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "integer", "format": "int64" })
            }
        }
    }

    fn choice(&mut self, of: &EnumDescriptor) -> Value {
        let name = short(of.full_name());
        let file = of.parent_file();
        let words = |value: prost_reflect::EnumValueDescriptor| {
            format!("- `{}`: {}", value.name(), comment(&file, value.path()))
        };
        let words: Vec<String> = of.values().map(words).collect();
        let names: Vec<String> = of.values().map(|value| value.name().to_owned()).collect();
        let about = format!("{}\n\n{}", comment(&file, of.path()), words.join("\n"));
        self.0.insert(name.clone(), json!({ "type": "string", "enum": names, "description": about }));
        reference(&name)
    }

    /// All of them, as a document lists them.
    pub(super) fn into_json(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

/// A schema with words: a reference keeps them beside it, as JSON Schema allows since 2019-09.
fn described(mut schema: Value, about: &str) -> Value {
    if let Some(schema) = schema.as_object_mut().filter(|_| !about.is_empty()) {
        schema.insert("description".to_owned(), about.into());
    }
    schema
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A message's name without our own prefix.
fn short(name: &str) -> String {
    name.strip_prefix("playhead.").unwrap_or(name).to_owned()
}

/// Whether this is a choice of fields, which stands as one text.
pub(super) fn is_mask(of: &MessageDescriptor) -> bool {
    of.full_name() == "google.protobuf.FieldMask"
}

/// What all names of an enum begin with.
pub(super) fn prefix(of: &EnumDescriptor) -> String {
    let first = of.values().next().map(|value| value.name().to_owned()).unwrap_or_default();
    first.strip_suffix("UNSPECIFIED").unwrap_or_default().to_owned()
}

/// What a .proto file says of something in it, as one text.
pub(super) fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let places = file.file_descriptor_proto().source_code_info.iter().flat_map(|info| &info.location);
    let said = places.filter(|place| place.path == path).find_map(|place| place.leading_comments.as_deref());
    said.unwrap_or_default().lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}
