//! Requests of what came: fields from the path, the query and the body, each by its name in the .proto file.

use axum::http::{HeaderMap, header::ACCEPT_LANGUAGE};
use bytes::Bytes;
use playhead_store::catalog::Language;
use prost_reflect::{
    DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value,
};

use super::schema;
use crate::{
    admission::{RejectReason, Rejection},
    edge::http::{error::Failure, query::arguments},
};

/// A request of this type. Where there is a body there is no query.
pub(super) fn message(
    of: &MessageDescriptor,
    path: &[(&str, &str)],
    query: &str,
    body: Option<Bytes>,
    headers: &HeaderMap,
) -> Result<DynamicMessage, Failure> {
    let has_body = body.is_some();
    let mut message = match body.filter(|body| !body.is_empty()) {
        Some(body) => read(of, &body)?,
        None => DynamicMessage::new(of.clone()),
    };
    let mut seen: Vec<String> = Vec::new();
    let query = arguments(query)?;
    if let Some((name, value)) = query.first().filter(|_| has_body) {
        return Err(refused(name, value, "nothing in the query: this request has a body"));
    }
    let query = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in path.iter().copied().chain(query) {
        let is_list = set(&mut message, name, name, value)?;
        if !is_list && seen.iter().any(|seen| seen == name) {
            return Err(refused(name, value, "said once"));
        }
        seen.push(name.to_owned());
    }
    prefer(&mut message, headers);
    Ok(message)
}

fn read(of: &MessageDescriptor, body: &[u8]) -> Result<DynamicMessage, Failure> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let mut json = serde_json::Deserializer::from_slice(body);
    let message = DynamicMessage::deserialize_with_options(of.clone(), &mut json, &options);
    let message = message.map_err(Failure::malformed)?;
    json.end().map_err(Failure::malformed)?;
    Ok(message)
}

/// Sets a field, or a field of a field: `tag.name`. True for one that may be said again.
fn set(message: &mut DynamicMessage, path: &str, name: &str, text: &str) -> Result<bool, Failure> {
    let (own, inner) = name.split_once('.').map_or((name, None), |(own, inner)| (own, Some(inner)));
    let of = message.descriptor();
    let field = of.get_field_by_name(own).ok_or_else(|| unknown(&of, path, text))?;
    match (field.kind(), inner, message.get_field_mut(&field)) {
        (Kind::Message(_), Some(inner), Value::Message(within)) => set(within, path, inner, text),
        (Kind::Message(of), None, Value::Message(mask)) if schema::is_mask(&of) => {
            let paths = text.split(',').filter(|path| !path.is_empty());
            mask.set_field_by_name(
                "paths",
                Value::List(paths.map(|path| Value::String(path.into())).collect()),
            );
            Ok(false)
        }
        (kind, None, Value::List(list)) => {
            list.push(scalar(&kind, path, text)?);
            Ok(true)
        }
        (kind, None, value) if !field.is_map() => {
            *value = scalar(&kind, path, text)?;
            Ok(false)
        }
        _ => Err(unknown(&of, path, text)),
    }
}

fn scalar(kind: &Kind, path: &str, text: &str) -> Result<Value, Failure> {
    let (value, allowed) = match kind {
        Kind::String => (Some(Value::String(text.to_owned())), "a text"),
        Kind::Bool => (text.parse().ok().map(Value::Bool), "true or false"),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => (text.parse().ok().map(Value::I32), WHOLE),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => (text.parse().ok().map(Value::I64), WHOLE),
        Kind::Uint32 | Kind::Fixed32 => (text.parse().ok().map(Value::U32), WHOLE),
        Kind::Uint64 | Kind::Fixed64 => (text.parse().ok().map(Value::U64), WHOLE),
        Kind::Float => (text.parse().ok().map(Value::F32), "a number"),
        Kind::Double => (text.parse().ok().map(Value::F64), "a number"),
        Kind::Enum(of) => {
            let prefix = schema::prefix(of);
            let value = of
                .values()
                .find(|value| value.name() == text || value.name().strip_prefix(&*prefix) == Some(text));
            let names: Vec<String> = of.values().skip(1).map(|value| value.name().to_owned()).collect();
            let number = value.map(|value| Value::EnumNumber(value.number()));
            return number.ok_or_else(|| refused(path, text, &names.join(", ")));
        }
        Kind::Bytes | Kind::Message(_) => (None, "its fields, each by its own name"),
    };
    value.ok_or_else(|| refused(path, text, allowed))
}

/// Takes the reader's languages from the header, where the request could name some and does not.
fn prefer(message: &mut DynamicMessage, headers: &HeaderMap) {
    let is_open = message.descriptor().get_field_by_name("languages").is_some_and(|field| field.is_list());
    if !is_open || message.has_field_by_name("languages") {
        return;
    }
    let said = headers.get(ACCEPT_LANGUAGE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    let tags = languages(said).into_iter().map(Value::String).collect();
    message.set_field_by_name("languages", Value::List(tags));
}

/// The languages of an `Accept-Language` (RFC 9110, section 12.5.4), the most wanted first; those that are none are left
/// out.
fn languages(said: &str) -> Vec<String> {
    let weighed = |part: &str| {
        let (tag, weight) = part.split_once(';').map_or((part, "q=1"), |(tag, weight)| (tag, weight));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        let tag = Language::new(tag.trim())?;
        (weight > 0.0).then_some((tag.to_string(), weight))
    };
    let mut tags: Vec<(String, f32)> = said.split(',').filter_map(weighed).take(LANGUAGES_MAX).collect();
    tags.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

fn unknown(of: &MessageDescriptor, path: &str, text: &str) -> Failure {
    let names: Vec<String> = of.fields().map(|field: FieldDescriptor| field.name().to_owned()).collect();
    refused(path, text, &format!("no such field; there are {}", names.join(", ")))
}

fn refused(path: &str, text: &str, allowed: &str) -> Failure {
    let rejection = Rejection::new(RejectReason::Malformed, path.to_owned(), text, allowed.to_owned());
    Failure::rejected(&rejection)
}

const WHOLE: &str = "a whole number";
/// As many as the services take.
const LANGUAGES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use prost_reflect::DescriptorPool;

    use super::*;

    fn list_items() -> MessageDescriptor {
        let pool = DescriptorPool::decode(schema::DESCRIPTORS).unwrap();
        pool.get_message_by_name("playhead.catalog.v1.ListItemsRequest").unwrap()
    }

    fn read_query(query: &str) -> Result<String, String> {
        let read = message(&list_items(), &[("category_id", "drama")], query, None, &HeaderMap::new());
        read.map(|message| message.to_string()).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn fields_come_from_path_and_query_by_their_names() {
        let read = read_query(
            "kind=EPISODE&tag.group=mood&tag.name=a%20b&show_deleted=true&page_size=5&languages=ko&languages=en\
             &read_mask=id,texts&status=PUBLICATION_STATUS_DRAFT",
        );
        assert_eq!(
            read.unwrap(),
            "kind:KIND_EPISODE,category_id:\"drama\",tag{group:\"mood\",name:\"a b\"},\
             status:PUBLICATION_STATUS_DRAFT,show_deleted:true,page_size:5,languages:[\"ko\",\"en\"],\
             read_mask{paths:[\"id\",\"texts\"]}"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        for (query, expect) in [
            ("page_size=x", "page_size is \\\"x\\\"; allowed is a whole number"),
            ("show_deleted=1", "show_deleted is \\\"1\\\"; allowed is true or false"),
            ("kind=FILM", "allowed is KIND_MOVIE, KIND_EPISODE,"),
            ("pagesize=1", "pagesize is \\\"1\\\"; allowed is no such field; there are kind, category_id,"),
            ("tag=a", "tag is \\\"a\\\"; allowed is its fields, each by its own name"),
            ("tag.names=a", "tag.names is \\\"a\\\"; allowed is no such field; there are group, name"),
            ("kind.x=a", "kind.x is \\\"a\\\"; allowed is no such field"),
            ("page_size=1&page_size=2", "page_size is \\\"2\\\"; allowed is said once"),
            ("category_id=x", "category_id is \\\"x\\\"; allowed is said once"),
        ] {
            let said = read_query(query).unwrap_err();
            assert!(said.contains(expect), "{query}: {said}");
        }
        let body = Some(Bytes::from_static(b"{\"kinds\":1}"));
        let said = message(&list_items(), &[], "", body, &HeaderMap::new()).unwrap_err();
        assert!(format!("{said:?}").contains("kinds"), "{said:?}");
        let body = Some(Bytes::from_static(b"{\"pageSize\":2}"));
        let both = message(&list_items(), &[], "page_size=1", body.clone(), &HeaderMap::new()).unwrap_err();
        assert!(format!("{both:?}").contains("nothing in the query"), "{both:?}");
        let read = message(&list_items(), &[], "", body, &HeaderMap::new()).unwrap();
        assert_eq!(read.to_string(), "page_size:2");
    }

    #[test]
    fn languages_come_from_the_header_where_the_query_has_none() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en;q=0.5, ko-KR, *;q=0.1, !, fr;q=0"));
        let of = |query: &str| message(&list_items(), &[], query, None, &headers).unwrap().to_string();
        assert_eq!(of(""), "languages:[\"ko-KR\",\"en\"]");
        assert_eq!(of("languages=ja"), "languages:[\"ja\"]");
    }
}
