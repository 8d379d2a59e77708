//! Items in the bytes in which viewers are sent them. Every viewer is sent the same, but for the texts in the viewer's
//! languages, so an item is put together once for all of them, and sent with those of its texts that are wanted.

use std::{ops::Range, sync::Arc};

use bytes::BufMut;
use playhead_ingest::edge::grpc::codec::Answer;
use playhead_proto::catalog::v1 as proto;
use playhead_store::catalog::Item;
use prost::{
    EncodeError, Message as _,
    encoding::{self, WireType},
};

use super::{item::seen_by_viewers, text};
use crate::{items::known::Known, records::Stored};

/// An item as bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The item without its texts, and behind it each of them, as fields of `playhead.catalog.v1.Item`.
    bytes: Box<[u8]>,
    /// Where the item without its texts ends, and where each of them does.
    ends: Box<[usize]>,
}

impl Encoded {
    /// Of this item.
    pub(crate) fn new(stored: &Stored<Item>) -> Self {
        let mut bytes = seen_by_viewers(stored).encode_to_vec();
        let mut ends = vec![bytes.len()];
        for of_item in &stored.value.texts {
            let alone = proto::Item { texts: vec![text(of_item)], ..proto::Item::default() };
            bytes.extend(alone.encode_to_vec());
            ends.push(bytes.len());
        }
        Self { bytes: bytes.into(), ends: ends.into() }
    }

    /// The item without its texts, and these of its texts.
    fn parts(&self, texts: &Range<usize>) -> [&[u8]; 2] {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or_default();
        let part = |from, to| self.bytes.get(from..to).unwrap_or_default();
        [part(0, end(0)), part(end(texts.start), end(texts.end))]
    }
}

/// What GetItem answers.
#[derive(Debug)]
pub(crate) enum ItemAnswer {
    /// An item that was put together for this caller.
    Made(Box<proto::Item>),
    /// An item as all viewers are sent it, with these of its texts.
    Sent(Arc<Known>, Range<usize>),
}

impl Answer for ItemAnswer {
    fn write(self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        match self {
            Self::Made(item) => proto::GetItemResponse { item: Some(*item) }.encode(buffer),
            Self::Sent(known, texts) => {
                let parts = known.encoded().parts(&texts);
                encoding::encode_key(ITEM, WireType::LengthDelimited, buffer);
                encoding::encode_varint(parts.iter().map(|part| part.len() as u64).sum(), buffer);
                parts.into_iter().for_each(|part| buffer.put_slice(part));
                Ok(())
            }
        }
    }
}

/// The number of `item` in `GetItemResponse`.
const ITEM: u32 = 1;

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;
    use crate::wire::{item::Showing, item_read, languages, tests::full};

    fn showing(wanted: &[&str], paths: &[&str], sees_all: bool) -> Showing {
        let [wanted, paths] =
            [wanted, paths].map(|texts| texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        Showing { languages: languages(&wanted).unwrap(), mask: FieldMask { paths }, sees_all }
    }

    fn known(titles: &[(&str, &str)]) -> Arc<Known> {
        let named = |&(language, title): &(&str, &str)| proto::Text {
            language: language.to_owned(),
            title: title.to_owned(),
            ..proto::Text::default()
        };
        let item = proto::Item { texts: titles.iter().map(named).collect(), ..full() };
        let value = item_read::item(item, None).unwrap();
        Arc::new(Known::new(Stored { value, version: 7 }))
    }

    #[test]
    fn what_is_sent_is_what_is_put_together() {
        for titles in [&[][..], &[("ko", "영화")], &[("en", "The film"), ("ko", "영화"), ("pt-BR", "")]] {
            let known = known(titles);
            for wanted in [&[][..], &["ko"], &["de", "pt-BR"], &["de"]] {
                for (paths, sees_all) in
                    [(&[][..], false), (&["*"], false), (&["texts", "etag"], false), (&[], true)]
                {
                    let showing = showing(wanted, paths, sees_all);
                    let answer = showing.answer(Arc::clone(&known));
                    let is_sent = matches!(answer, ItemAnswer::Sent(..));
                    assert_eq!(is_sent, !sees_all && !paths.contains(&"texts"), "{showing:?}");
                    let mut bytes = Vec::new();
                    answer.write(&mut bytes).unwrap();
                    let told = proto::GetItemResponse::decode(&*bytes).unwrap();
                    assert_eq!(told.item, Some(showing.item(&known.stored)), "{showing:?} of {titles:?}");
                }
            }
        }
    }
}
