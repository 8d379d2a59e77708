//! How a kick travels between nodes. The sessions in the way stay behind: whoever is kicked asks nobody for a slot.

use crate::{
    AccountId, DeviceId,
    codec::{Malformed, Reader, put_session_key, put_text, put_u64},
    lease::{Kick, Stop, StopReason},
};
use std::sync::Arc;

/// Writes a kick, and which node says so.
pub(super) fn to_bytes(node: u64, kick: &Kick) -> Vec<u8> {
    let mut out = vec![FORM, kick.stop.reason.number()];
    put_u64(&mut out, node);
    put_text(&mut out, kick.account.as_str());
    put_session_key(&mut out, &kick.key);
    put_text(&mut out, kick.stop.by_device.as_ref().map_or("", DeviceId::as_str));
    out
}

/// Reads a kick, and which node said so.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<(u64, Kick), Malformed> {
    const WRONG: Malformed = Malformed { what: "kick" };
    let mut reader = Reader::new(bytes);
    if reader.u8()? != FORM {
        return Err(WRONG);
    }
    let reason = StopReason::from_number(reader.u8()?).ok_or(WRONG)?;
    let node = reader.u64()?;
    let account = AccountId::new(reader.text()?).map_err(|_| WRONG)?;
    let key = reader.session_key()?;
    let by_device = match reader.text()? {
        "" => None,
        device => Some(DeviceId::new(device).map_err(|_| WRONG)?),
    };
    let stop = Arc::new(Stop { reason, by_device, in_the_way: Vec::new() });
    if reader.is_empty() { Ok((node, Kick { account, key, stop })) } else { Err(WRONG) }
}

/// The version of the form: nodes of another one are not understood, and their kicks come with the next beat.
const FORM: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SessionId, SessionKey, UserId};

    #[test]
    fn a_kick_is_read_as_it_was_written() {
        for reason in StopReason::ALL {
            for by_device in [None, Some(DeviceId::new("tv").unwrap())] {
                let stop = Arc::new(Stop { reason, by_device, in_the_way: Vec::new() });
                let user = UserId::new("앨리스").unwrap();
                let key = SessionKey { user, session: SessionId::new("s").unwrap() };
                let kick = Kick { account: AccountId::new("a").unwrap(), key, stop };
                let bytes = to_bytes(u64::MAX, &kick);
                assert_eq!(from_bytes(&bytes), Ok((u64::MAX, kick)));
                assert!((0..bytes.len()).all(|length| from_bytes(&bytes[..length]).is_err()));
                assert!(from_bytes(&[&*bytes, b"x"].concat()).is_err());
            }
        }
    }
}
