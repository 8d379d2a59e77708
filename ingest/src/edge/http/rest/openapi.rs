//! The OpenAPI 3.1 document of all that the HTTP edge serves, made of the same routes that are served.

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MethodDescriptor};
use serde_json::{Map, Value, json};

use super::{
    Route,
    schema::{self, NoRpc, Schemas, comment},
};

/// The document of these routes, and of the edge's own: their methods and paths.
pub(super) fn document(
    pool: &DescriptorPool,
    routes: &[Route],
    own: &[(&str, &str)],
) -> Result<Value, NoRpc> {
    let (mut paths, mut schemas) = (Map::new(), Schemas::default());
    for &(method, path, rpc) in routes {
        let rpc = schema::rpc(pool, rpc)?;
        add(&mut paths, method, path, operation(method, path, &rpc, &mut schemas));
    }
    for &(method, path) in own {
        add(&mut paths, method, path, own_operation(method, path));
    }
    let mut schemas = schemas.into_json();
    schemas.insert("Error".to_owned(), error());
    let failed = json!({
        "description": "Why not, with what to change.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    });
    Ok(json!({
        "openapi": "3.1.0",
        "info": { "title": "Playhead", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT },
        "paths": paths,
        "security": [{ "bearer": [] }],
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
            "schemas": schemas,
            "responses": { "Failed": failed },
        },
    }))
}

fn add(paths: &mut Map<String, Value>, method: &str, path: &str, operation: Value) {
    put(paths.entry(path).or_insert_with(|| json!({})), &method.to_ascii_lowercase(), operation);
}

fn operation(method: &str, path: &str, rpc: &MethodDescriptor, schemas: &mut Schemas) -> Value {
    let about = comment(&rpc.parent_file(), rpc.path());
    let in_path: Vec<&str> = names(path).collect();
    let input = rpc.input();
    let mut parameters = Vec::new();
    for field in input.fields() {
        let is_in_path = in_path.contains(&field.name());
        if is_in_path || method == "GET" {
            parameters.extend(parameter(&field, is_in_path, "", schemas));
        }
    }
    let answer = schemas.message(&rpc.output());
    let mut responses = json!({
        "200": { "description": "OK", "content": { "application/json": { "schema": answer } } },
        "default": { "$ref": "#/components/responses/Failed" },
    });
    if method == "GET" {
        put(&mut responses, "304", json!({ "description": "It is as `If-None-Match` says." }));
    }
    let mut operation = json!({
        "operationId": operation_id(method, path),
        "tags": [rpc.parent_service().name()],
        "summary": about.split_inclusive(". ").next().unwrap_or_default().trim(),
        "description": format!("{about}\n\nAnswered by the rpc `{}`.", rpc.full_name()),
        "parameters": parameters,
        "responses": responses,
    });
    if method == "POST" {
        let body = schemas.message(&input);
        put(&mut operation, "requestBody", content(&body));
    }
    operation
}

fn content(schema: &Value) -> Value {
    json!({ "content": { "application/json": { "schema": schema } } })
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// A field as it stands in a path or query; one per field of a field, since each has a name of its own there.
fn parameter(field: &FieldDescriptor, is_in_path: bool, outer: &str, schemas: &mut Schemas) -> Vec<Value> {
    let name = format!("{outer}{}", field.name());
    match field.kind() {
        Kind::Message(of) if !schema::is_mask(&of) => {
            let within: Vec<FieldDescriptor> = of.fields().collect();
            let outer = format!("{name}.");
            within.iter().flat_map(|field| parameter(field, false, &outer, schemas)).collect()
        }
        _ => vec![json!({
            "name": name,
            "in": if is_in_path { "path" } else { "query" },
            "required": is_in_path,
            "description": comment(&field.parent_file(), field.path()),
            "schema": undescribed(schemas.field(field)),
        })],
    }
}

/// The parameter has the words already.
fn undescribed(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("description");
    }
    schema
}

/// A route of the edge's own, which its page describes.
fn own_operation(method: &str, path: &str) -> Value {
    let parameters: Vec<Value> = names(path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let mut operation = json!({
        "operationId": operation_id(method, path),
        "tags": ["Playback"],
        "summary": OWN,
        "parameters": parameters,
        "responses": {
            "2XX": { "description": "As docs/http-api.md says." },
            "default": { "$ref": "#/components/responses/Failed" },
        },
    });
    if ["POST", "PUT"].contains(&method) {
        put(&mut operation, "requestBody", content(&json!({})));
    }
    operation
}

/// The names in the braces of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn operation_id(method: &str, path: &str) -> String {
    let parts = path.trim_start_matches("/v1/").split(['/', ':']).map(|part| part.trim_matches(['{', '}']));
    let parts: Vec<String> = parts.map(|part| part.replace('-', "_")).collect();
    format!("{}_{}", method.to_ascii_lowercase(), parts.join("_"))
}

fn error() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object",
        "description": "Why a request did not get what it wanted.",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "reason", "message"],
            "properties": {
                "code": text("The canonical code, one of gRPC's, such as NOT_FOUND."),
                "reason": text("Why, in one word, such as SCOPE_REQUIRED."),
                "message": text("The same in words."),
                "field": text("The field at fault."),
                "value": text("What was found there."),
                "allowed": text("What is allowed there."),
                "retry_after_ms": { "type": "integer", "description": "When to try again, ms." },
            },
        } },
    })
}

const ABOUT: &str = "Catalog, rights and playback for apps without gRPC. Names are those of the .proto files. Enums are \
    names, 64-bit numbers are numbers. A field that is not there is unknown; where `read_mask` chooses fields, it may also be \
    0, false or empty.";
const OWN: &str = "Told in docs/http-api.md.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_a_name_of_its_own() {
        assert_eq!(operation_id("GET", "/v1/items:batch"), "get_items_batch");
        assert_eq!(operation_id("POST", "/v1/users/{user_id}/up-next"), "post_users_user_id_up_next");
    }

    #[test]
    fn a_route_to_nowhere_is_refused() {
        let pool = DescriptorPool::decode(schema::DESCRIPTORS).unwrap();
        for rpc in ["", "playhead.catalog.v1.CatalogService/Nothing", "playhead.catalog.v1.Nothing/GetItem"] {
            let refused = document(&pool, &[("GET", "/v1/x", rpc)], &[]).unwrap_err();
            assert_eq!(refused.to_string(), format!("there is no rpc {rpc}"));
        }
    }
}
