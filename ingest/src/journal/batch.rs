//! Records on their way into the journal, framed in one buffer.

use super::{
    error::TooLarge,
    record::{ALIGN, Binding, HEADER_BYTES, RECORD_BYTES_MAX, framed_bytes_of, unsealed_header},
    settings::BATCH_BYTES_MAX,
};

/// Records that are committed together. One buffer, used again after [`Batch::clear`]; no allocation per record.
#[derive(Debug, Default)]
pub struct Batch {
    framed: Vec<u8>,
    records: usize,
}

impl Batch {
    /// A batch without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record. `encode` appends its payload to what it is given and touches nothing that is there.
    ///
    /// # Errors
    ///
    /// If the payload is above [`RECORD_BYTES_MAX`] or the batch would be above [`BATCH_BYTES_MAX`]; the batch is then as
    /// it was before.
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), TooLarge> {
        let begin = self.framed.len();
        self.framed.extend_from_slice(&unsealed_header(0));
        encode(&mut self.framed);
        let pushed = self.frame(begin);
        if pushed.is_err() {
            self.framed.truncate(begin);
        }
        self.invariants();
        pushed
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// True if it has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// What it takes in a segment, headers and padding included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.framed.len()
    }

    /// Where each record begins, in bytes from the batch's beginning, in their order.
    pub fn begins(&self) -> impl Iterator<Item = usize> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let begin = at;
            at += framed_bytes_of(self.framed.get(begin..)?)?;
            Some(begin)
        })
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.framed.clear();
        self.records = 0;
    }

    /// The bytes to be written at this place of a segment. May be asked again for another place.
    pub(crate) fn sealed(&mut self, binding: Binding, at: usize) -> &[u8] {
        binding.seal(&mut self.framed, at);
        &self.framed
    }

    /// Pads the payload behind the header at `begin`, and writes its length there.
    fn frame(&mut self, begin: usize) -> Result<(), TooLarge> {
        let payload_bytes = self.framed.len().saturating_sub(begin + HEADER_BYTES);
        bounded("record", payload_bytes, RECORD_BYTES_MAX)?;
        let framed_bytes = self.framed.len().next_multiple_of(ALIGN);
        bounded("batch", framed_bytes, BATCH_BYTES_MAX)?;
        self.framed.resize(framed_bytes, 0);
        let header = self.framed.get_mut(begin..).and_then(|record| record.first_chunk_mut::<HEADER_BYTES>());
        debug_assert!(header.is_some(), "an encoder appends");
        if let Some(header) = header {
            *header = unsealed_header(u32::try_from(payload_bytes).unwrap_or(u32::MAX));
        }
        self.records += 1;
        Ok(())
    }

    fn invariants(&self) {
        debug_assert!(self.framed.len().is_multiple_of(ALIGN), "records are aligned");
        debug_assert!(self.framed.len() >= self.records * HEADER_BYTES, "each record has a header");
    }
}

pub(crate) fn bounded(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), TooLarge> {
    if bytes > bytes_max { Err(TooLarge { what, bytes, bytes_max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed_one_behind_the_other() {
        let mut batch = Batch::new();
        batch.push(|out| out.extend_from_slice(b"nine byte")).unwrap();
        batch.push(|_| {}).unwrap();
        assert_eq!((batch.len(), batch.bytes()), (2, 32 + 16));
        assert_eq!(batch.begins().collect::<Vec<_>>(), [0, 32]);
        batch.clear();
        assert_eq!((batch.len(), batch.bytes(), batch.is_empty()), (0, 0, true));
    }

    #[test]
    fn a_record_above_its_bound_leaves_the_batch_as_it_was() {
        let mut batch = Batch::new();
        batch.push(|out| out.push(1)).unwrap();
        let refused = batch.push(|out| out.resize(out.len() + RECORD_BYTES_MAX + 1, 7)).unwrap_err();
        assert_eq!(
            refused,
            TooLarge { what: "record", bytes: RECORD_BYTES_MAX + 1, bytes_max: RECORD_BYTES_MAX }
        );
        assert_eq!((batch.len(), batch.bytes()), (1, 24));
        batch.push(|out| out.resize(out.len() + RECORD_BYTES_MAX, 7)).unwrap();
    }

    #[test]
    fn a_batch_has_a_bound() {
        let mut batch = Batch::new();
        let mut push = || batch.push(|out| out.resize(out.len() + RECORD_BYTES_MAX, 7));
        let pushed = (0..BATCH_BYTES_MAX / RECORD_BYTES_MAX).map_while(|_| push().ok()).count();
        assert_eq!(pushed, BATCH_BYTES_MAX / RECORD_BYTES_MAX - 1, "headers take their part");
        assert_eq!(push().unwrap_err().what, "batch");
        assert!(batch.bytes() <= BATCH_BYTES_MAX);
    }
}
