//! The visitor that `sfv` drives over a dictionary: values go straight into the record.

use std::{borrow::Cow, convert::Infallible};

use sfv::{
    BareItemFromInput, KeyRef,
    visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor},
};

use super::{Key, PositionKeys, Record, Scalar};

/// Visits a dictionary.
pub(super) struct Visit<'r, 'a> {
    record: &'r mut Record<'a>,
    positions: &'r PositionKeys,
}

impl<'r, 'a> Visit<'r, 'a> {
    pub(super) fn new(record: &'r mut Record<'a>, positions: &'r PositionKeys) -> Self {
        Self { record, positions }
    }
}

impl<'a> DictionaryVisitor<'a> for Visit<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        Ok(Key::from_name(key.as_str(), self.positions).map(|key| {
            self.record.begin(key);
            Entry { record: &mut *self.record, key }
        }))
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Visits the value of a key that we keep. Its parameters say nothing that we need.
struct Entry<'r, 'a> {
    record: &'r mut Record<'a>,
    key: Key,
}

impl<'a> EntryVisitor<'a> for Entry<'_, 'a> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Infallible> {
        Ok(self)
    }
}

impl<'a> ItemVisitor<'a> for Entry<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, Infallible> {
        self.record.take(self.key, scalar(item));
        Ok(Ignored)
    }
}

impl<'a> InnerListVisitor<'a> for Entry<'_, 'a> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(Entry { record: &mut *self.record, key: self.key })
    }

    fn finish(self) -> Result<impl ParameterVisitor<'a>, Infallible> {
        Ok(Ignored)
    }
}

fn scalar(item: BareItemFromInput<'_>) -> Scalar<'_> {
    match item {
        BareItemFromInput::Integer(whole) => Scalar::Whole(whole.into()),
        BareItemFromInput::Decimal(decimal) => Scalar::Decimal(decimal.into()),
        BareItemFromInput::Token(token) => Scalar::Text(Cow::Borrowed(token.as_str())),
        BareItemFromInput::String(Cow::Borrowed(text)) => Scalar::Text(Cow::Borrowed(text.as_str())),
        BareItemFromInput::String(Cow::Owned(text)) => Scalar::Text(Cow::Owned(text.into())),
        _ => Scalar::Other,
    }
}
