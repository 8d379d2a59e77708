//! Feeds in RSS 2.0 with Media RSS. Each item gives a row of the table `item`, and rows of `content`, `category` and
//! `keyword` that name it by its `guid`.
//!
//! A document type is refused, so there are no entities but XML's own five, and nothing is fetched or grows.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::Read,
    sync::Arc,
};

use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};

use super::{ReadError, Row, Rows, Table, Value, bounded::Bounded};

/// The rows of a feed.
pub(super) struct MediaRssRows {
    reader: NsReader<Bounded>,
    /// The elements that are open.
    open: Vec<Element>,
    text: String,
    item: Option<Item>,
    ready: VecDeque<Row>,
    numbers: HashMap<&'static str, u64>,
}

/// An element's name, and whether it is one of Media RSS.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Element {
    is_media: bool,
    name: String,
}

type Fields = BTreeMap<String, String>;

/// An item as far as it was read.
#[derive(Default)]
struct Item {
    line: u64,
    fields: Fields,
    contents: Vec<Fields>,
    categories: Vec<Fields>,
}

/// What comes next in a feed.
enum Seen {
    Begin(Element, Fields),
    BeginAndEnd(Element, Fields),
    End,
    Text(String),
    Nothing,
    Over,
}

impl Rows for MediaRssRows {
    fn next(&mut self) -> Result<Option<Row>, ReadError> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Ok(Some(row));
            }
            match self.see()? {
                Seen::Over => return Ok(None),
                Seen::Nothing => {}
                Seen::Text(text) => self.text.push_str(&text),
                Seen::Begin(element, attributes) => self.begin(element, attributes)?,
                Seen::BeginAndEnd(element, attributes) => {
                    self.begin(element, attributes)?;
                    self.end()?;
                }
                Seen::End => self.end()?,
            }
        }
    }
}

impl MediaRssRows {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        let reader = NsReader::from_reader(Bounded::new(source));
        let (open, text, item, ready, numbers) = Default::default();
        Self { reader, open, text, item, ready, numbers }
    }

    fn see(&mut self) -> Result<Seen, ReadError> {
        let mut buffer = Vec::new();
        self.reader.get_mut().begin();
        let seen = match self.reader.read_resolved_event_into(&mut buffer) {
            Ok((namespace, event)) => seen(&namespace, &event),
            Err(quick_xml::Error::Io(error)) => {
                return Err(ReadError::Io(std::io::Error::new(error.kind(), error)));
            }
            Err(error) => Err(format!("no XML: {error}")),
        };
        seen.map_err(|text| self.broken(text))
    }

    fn begin(&mut self, element: Element, attributes: Fields) -> Result<(), ReadError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(self.broken(format!("more than {DEPTH_MAX} elements within each other")));
        }
        self.text.clear();
        let line = self.reader.get_mut().line();
        match (self.item.as_mut(), element.is_media, element.name.as_str()) {
            (None, false, "item") => self.item = Some(Item { line, ..Item::default() }),
            (Some(item), true, "content") => item.contents.push(attributes),
            (Some(item), true, "thumbnail") => item.set("thumbnail_url", attributes.get("url")),
            (Some(item), true, "player") => item.set("player_url", attributes.get("url")),
            (Some(item), true, "category") => item.categories.push(attributes),
            (Some(item), false, "category") => {
                let scheme = attributes.get("domain").cloned();
                item.categories
                    .push(scheme.map(|domain| ("scheme".to_owned(), domain)).into_iter().collect());
            }
            _ => {}
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let Some(Element { is_media, name }) = self.open.pop() else { return Ok(()) };
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let Some(item) = &mut self.item else { return Ok(()) };
        match (is_media, name.as_str()) {
            (false, "item") => return self.end_item(),
            (_, "category") => {
                if let Some(category) = item.categories.last_mut() {
                    category.insert("name".to_owned(), text.to_owned());
                }
            }
            (false, "title" | "link" | "description" | "guid" | "author") => item.set(&name, Some(text)),
            (false, "pubDate") => item.set("pub_date", Some(text)),
            (true, "title" | "description" | "keywords" | "rating") => {
                item.set(&format!("media_{name}"), Some(text))
            }
            _ => {}
        }
        Ok(())
    }

    fn end_item(&mut self) -> Result<(), ReadError> {
        let Item { line, mut fields, contents, categories } = self.item.take().unwrap_or_default();
        let guid = fields.get("guid").or(fields.get("link")).cloned();
        let Some(guid) = guid else {
            let number = self.number("item");
            let text = "has neither guid nor link".to_owned();
            return Err(ReadError::Row { line, table: "item".to_owned(), number, text });
        };
        fields.insert("guid".to_owned(), guid.clone());
        if let Some(duration) = contents.iter().find_map(|content| content.get("duration")) {
            fields.insert("duration".to_owned(), duration.clone());
        }
        let keywords = fields.get("media_keywords").cloned().unwrap_or_default();
        self.push("item", ITEM, line, fields);
        for (at, mut content) in contents.into_iter().enumerate() {
            content.insert("n".to_owned(), (at + 1).to_string());
            self.push_of("content", CONTENT, line, content, &guid);
        }
        for category in categories {
            self.push_of("category", CATEGORY, line, category, &guid);
        }
        for keyword in keywords.split(',').map(str::trim).filter(|keyword| !keyword.is_empty()) {
            let fields = [("name".to_owned(), keyword.to_owned())].into();
            self.push_of("keyword", KEYWORD, line, fields, &guid);
        }
        Ok(())
    }

    fn push_of(&mut self, table: &'static str, columns: &[&str], line: u64, mut fields: Fields, guid: &str) {
        fields.insert("guid".to_owned(), guid.to_owned());
        self.push(table, columns, line, fields);
    }

    fn push(&mut self, name: &'static str, columns: &[&str], line: u64, mut fields: Fields) {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        let values =
            columns.iter().map(|column| fields.remove(column).map_or(Value::Null, Value::Text)).collect();
        let table = Arc::new(Table::new(name.to_owned(), columns));
        let number = self.number(name);
        self.ready.push_back(Row { table, number, line, values });
    }

    fn number(&mut self, table: &'static str) -> u64 {
        let number = self.numbers.entry(table).or_default();
        *number += 1;
        *number
    }

    fn broken(&mut self, text: String) -> ReadError {
        ReadError::Broken { line: self.reader.get_mut().line(), text }
    }
}

impl Item {
    /// The first that says something counts.
    fn set(&mut self, field: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value.filter(|value| !value.as_ref().is_empty()) {
            self.fields.entry(field.to_owned()).or_insert_with(|| value.as_ref().to_owned());
        }
    }
}

fn seen(namespace: &ResolveResult<'_>, event: &Event<'_>) -> Result<Seen, String> {
    let told = |error: &dyn std::fmt::Display| format!("no XML: {error}");
    Ok(match event {
        Event::Start(start) => Seen::Begin(element(namespace, start), attributes(start)?),
        Event::Empty(start) => Seen::BeginAndEnd(element(namespace, start), attributes(start)?),
        Event::End(_) => Seen::End,
        Event::Text(text) => Seen::Text(text.xml10_content().map_err(|error| told(&error))?.into_owned()),
        Event::CData(text) => Seen::Text(text.xml10_content().map_err(|error| told(&error))?.into_owned()),
        Event::GeneralRef(named) => {
            if let Some(character) = named.resolve_char_ref().map_err(|error| told(&error))? {
                return Ok(Seen::Text(character.to_string()));
            }
            let name = named.decode().map_err(|error| told(&error))?;
            let text = resolve_xml_entity(&name);
            Seen::Text(
                text.ok_or_else(|| {
                    format!("the entity &{name}; is not known, since no document type is read")
                })?
                .to_owned(),
            )
        }
        Event::DocType(_) => {
            return Err(
                "a document type (DOCTYPE) is refused, as are the entities that it could bring".into()
            );
        }
        Event::Comment(_) | Event::PI(_) | Event::Decl(_) => Seen::Nothing,
        Event::Eof => Seen::Over,
    })
}

fn element(namespace: &ResolveResult<'_>, start: &BytesStart<'_>) -> Element {
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    let is_media = matches!(namespace, ResolveResult::Bound(Namespace(uri)) if MEDIA.contains(uri));
    // Elements of other vocabularies are not taken for RSS's own.
    let is_other = !is_media && !matches!(namespace, ResolveResult::Unbound);
    Element { is_media, name: if is_other { format!("?{name}") } else { name } }
}

fn attributes(start: &BytesStart<'_>) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("no XML: {error}"))?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|error| format!("no XML: {error}"))?;
        let name = String::from_utf8_lossy(attribute.key.local_name().as_ref()).to_lowercase();
        fields.insert(name, value.into_owned());
    }
    Ok(fields)
}

/// The namespace of Media RSS, as its page writes it and as many feeds do.
const MEDIA: [&[u8]; 2] = [b"http://search.yahoo.com/mrss/", b"http://search.yahoo.com/mrss"];
const DEPTH_MAX: usize = 64;
const ITEM: &[&str] = &[
    "guid",
    "title",
    "link",
    "description",
    "author",
    "pub_date",
    "media_title",
    "media_description",
    "media_keywords",
    "media_rating",
    "thumbnail_url",
    "player_url",
    "duration",
];
const CONTENT: &[&str] = &[
    "guid",
    "n",
    "url",
    "type",
    "medium",
    "isdefault",
    "expression",
    "bitrate",
    "framerate",
    "samplingrate",
    "channels",
    "duration",
    "height",
    "width",
    "lang",
    "filesize",
];
const CATEGORY: &[&str] = &["guid", "name", "scheme", "label"];
const KEYWORD: &[&str] = &["guid", "name"];

#[cfg(test)]
mod tests;
