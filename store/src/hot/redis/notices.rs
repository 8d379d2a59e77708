//! How a notice of what was written travels between nodes.

use crate::{
    AccountId, ItemId, PlanId, UserId,
    codec::{Malformed, Reader, put_text, put_u64},
    hot::{Notice, Stale},
};

/// Writes a notice.
pub(super) fn to_bytes(notice: &Notice) -> Vec<u8> {
    let mut out = vec![FORM];
    put_u64(&mut out, notice.from);
    for stale in &*notice.stale {
        let (kind, id) = match stale {
            Stale::All => (ALL, ""),
            Stale::Item(id) => (ITEM, id.as_str()),
            Stale::Plan(id) => (PLAN, id.as_str()),
            Stale::Subscriptions(account) => (SUBSCRIPTIONS, account.as_str()),
            Stale::Grants(user) => (GRANTS, user.as_str()),
            Stale::Limits(user) => (LIMITS, user.as_str()),
        };
        out.push(kind);
        put_text(&mut out, id);
    }
    out
}

/// Reads a notice. One that is not understood, another version's perhaps, may mean anything.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Notice, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != FORM {
        return Err(WRONG);
    }
    let (from, mut stale) = (reader.u64()?, Vec::new());
    while !reader.is_empty() {
        stale.push(read(reader.u8()?, reader.text()?)?);
    }
    Ok(Notice { from, stale: stale.into() })
}

fn read(kind: u8, id: &str) -> Result<Stale, Malformed> {
    let stale = match kind {
        ALL => Ok(Stale::All),
        ITEM => ItemId::new(id).map(Stale::Item),
        PLAN => PlanId::new(id).map(Stale::Plan),
        SUBSCRIPTIONS => AccountId::new(id).map(Stale::Subscriptions),
        GRANTS => UserId::new(id).map(Stale::Grants),
        LIMITS => UserId::new(id).map(Stale::Limits),
        _ => return Err(WRONG),
    };
    stale.map_err(|_| WRONG)
}

/// The version of the form.
const FORM: u8 = 1;
const ALL: u8 = 0;
const ITEM: u8 = 1;
const PLAN: u8 = 2;
const SUBSCRIPTIONS: u8 = 3;
const GRANTS: u8 = 4;
const LIMITS: u8 = 5;
const WRONG: Malformed = Malformed { what: "notice" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_as_it_was_written() {
        let user = UserId::new("앨리스").unwrap();
        let all = [
            Stale::Item(ItemId::new("film").unwrap()),
            Stale::Plan(PlanId::new("basic").unwrap()),
            Stale::Subscriptions(AccountId::new("family").unwrap()),
            Stale::Grants(user.clone()),
            Stale::Limits(user),
            Stale::All,
        ];
        for length in 0..=all.len() {
            let notice = Notice { from: u64::MAX, stale: all[..length].into() };
            assert_eq!(from_bytes(&to_bytes(&notice)), Ok(notice));
        }
    }

    #[test]
    fn what_is_no_notice_is_told() {
        for bytes in
            [&b""[..], b"\x02\x01", b"\x01", b"\x01\x01\x06\x01a", b"\x01\x01\x01\x00", b"\x01\x01\x01\x05a"]
        {
            assert!(from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }
}
