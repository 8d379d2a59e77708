//! One CMCD record: a structured-fields dictionary (RFC 8941), read with patience.
//!
//! A line that keeps the standard is read in one pass by the `sfv` crate's visitor, without an allocation. Where that
//! refuses the line as a whole, [`pieces`] cuts it up and each piece is read alone, so that one bad value costs that
//! value and nothing else. Unknown keys and badly typed values are left out singly; numbers out of range are clamped.

mod pieces;
mod visit;

use std::borrow::Cow;

use playhead_store::clock::TIME_MS_MAX;
use sfv::{Parser, Version};
use xxhash_rust::xxh3::xxh3_64;

use super::PositionKeys;
use visit::Visit;

/// What we keep of a record. Fields are named by their CMCD keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Record<'a> {
    /// The session.
    pub(super) sid: Option<Cow<'a, str>>,
    /// The item.
    pub(super) cid: Option<Cow<'a, str>>,
    /// What happened.
    pub(super) e: Option<Cow<'a, str>>,
    /// What the player does.
    pub(super) sta: Option<Cow<'a, str>>,
    /// The player's error codes: the first.
    pub(super) ec: Option<Cow<'a, str>>,
    /// When, Unix ms.
    pub(super) ts: Option<i64>,
    /// The record's number.
    pub(super) sn: Option<i64>,
    /// The protocol's version, 1 when it is not said.
    pub(super) v: Option<i64>,
    /// The playhead, ms.
    pub(super) pt: Option<i64>,
    /// The playhead under a custom key, ms.
    pub(super) custom_pt: Option<i64>,
    /// The bitrate, kbit/s: the sum, where audio and video are told apart.
    pub(super) br: Option<u32>,
    /// From the play button to the first frame, ms.
    pub(super) msd: Option<u32>,
    /// The playback rate.
    pub(super) pr: Option<f64>,
    /// True when a rate was sent, well typed or not: players leave the normal rate out.
    pub(super) has_pr: bool,
}

/// A single value. What a list holds comes as several.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    /// A string or a token.
    Text(Cow<'a, str>),
    /// An integer.
    Whole(i64),
    /// A decimal.
    Decimal(f64),
    /// Anything else, which no key of ours takes.
    Other,
}

impl<'a> Record<'a> {
    /// Reads a line without its line ending. What cannot be read is left out.
    pub(super) fn read(line: &'a [u8], positions: &PositionKeys) -> Self {
        let mut record = Self::default();
        let strict = Parser::new(line).with_version(Version::Rfc8941);
        if strict.parse_dictionary_with_visitor(Visit::new(&mut record, positions)).is_ok() {
            return record;
        }
        let mut record = Self::default();
        for piece in pieces::split(line) {
            record.read_piece(piece, positions);
        }
        record
    }

    /// The record's number in its session: a stable 63-bit hash of `(sid, ts, e, sn)`, never 0. A record without
    /// `ts`, or with neither `e` nor `sn`, has no such identity; then `line`, its own text, is hashed.
    pub(super) fn seq(&self, line: &[u8]) -> u64 {
        let mut identity = Vec::with_capacity(96);
        match (self.ts, &self.e, self.sn) {
            (None, _, _) | (_, None, None) => {
                identity.push(BY_TEXT);
                identity.extend_from_slice(line);
            }
            (Some(ts), e, sn) => {
                identity.push(BY_KEYS);
                put_text(&mut identity, self.sid.as_deref());
                put_text(&mut identity, e.as_deref());
                identity.extend(ts.to_le_bytes());
                identity.push(u8::from(sn.is_some()));
                identity.extend(sn.unwrap_or_default().to_le_bytes());
            }
        }
        (xxh3_64(&identity) >> 1).max(1)
    }

    /// Takes the next value of a key. A value of a wrong type changes nothing.
    fn take(&mut self, key: Key, value: Scalar<'a>) {
        match key {
            Key::Sid => self.sid = value.text().or(self.sid.take()),
            Key::Cid => self.cid = value.text().or(self.cid.take()),
            Key::E => self.e = value.text().or(self.e.take()),
            Key::Sta => self.sta = value.text().or(self.sta.take()),
            Key::Ec => self.ec = self.ec.take().or(value.text()),
            Key::Ts => self.ts = value.whole().filter(|ts| (1..=TIME_MS_MAX).contains(ts)).or(self.ts),
            Key::Sn => self.sn = value.whole().or(self.sn),
            Key::V => self.v = value.whole().or(self.v),
            Key::Pt => self.pt = value.whole().or(self.pt),
            Key::CustomPt => self.custom_pt = value.whole().or(self.custom_pt),
            Key::Br => {
                self.br = value.count().map(|kbps| self.br.unwrap_or(0).saturating_add(kbps)).or(self.br)
            }
            Key::Msd => self.msd = value.count().or(self.msd),
            Key::Pr => self.pr = value.number().or(self.pr),
        }
    }

    /// Begins a key's value: of a key that comes twice, the last one counts.
    fn begin(&mut self, key: Key) {
        match key {
            Key::Br => self.br = None,
            Key::Ec => self.ec = None,
            Key::Pr => self.has_pr = true,
            _ => {}
        }
    }
}

/// The keys that we keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Sid,
    Cid,
    E,
    Sta,
    Ec,
    Ts,
    Sn,
    V,
    Pt,
    CustomPt,
    Br,
    Msd,
    Pr,
}

impl Key {
    fn from_name(name: &str, positions: &PositionKeys) -> Option<Self> {
        Some(match name {
            "sid" => Self::Sid,
            "cid" => Self::Cid,
            "e" => Self::E,
            "sta" => Self::Sta,
            "ec" => Self::Ec,
            "ts" => Self::Ts,
            "sn" => Self::Sn,
            "v" => Self::V,
            "pt" => Self::Pt,
            "br" => Self::Br,
            "msd" => Self::Msd,
            "pr" => Self::Pr,
            custom if positions.holds(custom) => Self::CustomPt,
            _ => return None,
        })
    }
}

impl<'a> Scalar<'a> {
    /// What an unquoted text that breaks the standard most likely means.
    fn guess(text: Cow<'a, str>) -> Self {
        if let Ok(whole) = text.parse() {
            return Self::Whole(whole);
        }
        match text.parse() {
            Ok(decimal) => Self::Decimal(decimal),
            Err(_) => Self::Text(text),
        }
    }

    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text).filter(|text| !text.is_empty()),
            // Some applications number their sessions and items.
            Self::Whole(whole) => Some(whole.to_string().into()),
            Self::Decimal(_) | Self::Other => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a rate has few digits")]
            Self::Whole(whole) => Some(*whole as f64),
            Self::Decimal(decimal) => Some(*decimal),
            Self::Text(text) => text.parse().ok(),
            Self::Other => None,
        }
        .filter(|number| number.is_finite())
    }

    fn whole(&self) -> Option<i64> {
        match self {
            Self::Whole(whole) => Some(*whole),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "casts of numbers saturate")]
            _ => self.number().map(|number| number.round() as i64),
        }
    }

    fn count(&self) -> Option<u32> {
        self.whole().map(|whole| u32::try_from(whole.max(0)).unwrap_or(u32::MAX))
    }
}

fn put_text(identity: &mut Vec<u8>, text: Option<&str>) {
    // No text holds this byte, so what follows cannot be taken for part of it.
    identity.extend(text.unwrap_or_default().bytes());
    identity.push(0xff);
}

/// Beginnings of what is hashed, so that the two identities never meet. They never change: sequence numbers are stored.
const BY_KEYS: u8 = 1;
const BY_TEXT: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Record<'_> {
        Record::read(line.as_bytes(), &PositionKeys::default())
    }

    fn text(text: &str) -> Option<Cow<'_, str>> {
        Some(text.into())
    }

    #[test]
    fn a_record_of_hls_is_read() {
        let line = "bl=(23800),br=(469),cid=\"movie-0001\",e=ps,mtp=(51000),pr=2,sf=h,sid=\"6e2f\",sn=16,st=v,sta=k,\
                    ts=1795222046837,v=2,pt=20000";
        let expect = Record {
            sid: text("6e2f"),
            cid: text("movie-0001"),
            e: text("ps"),
            sta: text("k"),
            ts: Some(1_795_222_046_837),
            sn: Some(16),
            v: Some(2),
            pt: Some(20_000),
            br: Some(469),
            pr: Some(2.0),
            has_pr: true,
            ..Record::default()
        };
        assert_eq!(read(line), expect);
    }

    #[test]
    fn oddities_within_the_standard_cost_nothing() {
        // Audio and video apart (dash.js), a bare integer (v1), a string where a token belongs (shaka 4.16), epochs.
        assert_eq!(read("br=(400;v 64;a)").br, Some(464));
        assert_eq!(read("br=464").br, Some(464));
        assert_eq!(read("br=(1 2),br=(3 4)").br, Some(7));
        assert_eq!(read("e=\"t\",ttfb=1795221529618").e, text("t"));
        assert_eq!(read("pt=1234.5").pt, Some(1_235));
        assert_eq!(read("com.example-pt=\"61000\"").custom_pt, Some(61_000));
        assert_eq!(read("com.example-pt=61000,pt=5").pt, Some(5));
        assert_eq!(read("ts=1,ts=2,ts=3").ts, Some(3));
        assert_eq!(read("sid=123").sid, text("123"));
        assert_eq!(read("br=()").br, None);
        assert_eq!(read("br=-5").br, Some(0));
        assert_eq!(read("ec=(\"E1\" \"E2\")").ec, text("E1"));
    }

    #[test]
    fn a_badly_typed_value_is_left_out_alone() {
        let record = read("sid=\"s\",ts=?1,sn=x,v=:aGk=:,pt=soon,pr=fast,br=(a),e=(t),cid=1.5,sta=\"p\"");
        let expect =
            Record { sid: text("s"), e: text("t"), sta: text("p"), has_pr: true, ..Record::default() };
        assert_eq!(record, expect);
        assert_eq!(read("ts=1795222033873,ts=never").ts, Some(1_795_222_033_873));
        assert_eq!(read("ts=-1").ts, None);
        assert_eq!(read("ts=999999999999999").ts, None);
    }

    #[test]
    fn a_line_that_breaks_the_standard_keeps_what_can_be_read() {
        let broken = [
            "sid=\"s\",pt=1.23456789,e=t,ts=5",
            "sid=\"s\",pt=1,e=t,ts=5,ttfb=12345678901234567890",
            "sid=\"s\",pt=1,e=t,ts=5,",
            ",sid=\"s\",,pt=1,e=t,ts=5",
            "sid=\"s\",pt=1,e=t,ts=5,url=\"http://x/?a=\"b\",c\"",
            "sid=\"s\",pt=1,e=t,ts=5,cid=",
            "sid=\"s\",pt=1,e=t,ts=5,X-Y=1",
            "sid=\"s\" , pt=1 ; e=t, pt=1, e=t, ts=5",
            "sid=\"s\",pt=1,e=t,ts=5,nor=(\"영화\")",
            "sid=\"s\",br=(1 ,pt=1,x),pt=1,e=t,ts=5",
            "sid=s,pt=\"1,e=t,ts=5\",pt=1,e=t,ts=5,3=4",
        ];
        for line in broken {
            let record = read(line);
            assert_eq!((record.sid, record.e, record.ts), (text("s"), text("t"), Some(5)), "{line}");
            assert_eq!(record.pt, Some(1), "{line}");
        }
        assert_eq!(read("sid=6e2f-aa,e=t").sid, text("6e2f-aa"), "an unquoted id");
        assert_eq!(read("cid=\"영화\",e=t").cid, text("영화"));
        assert_eq!(read("br=(469,e=t,sid=\"s\"").sid, text("s"), "an open list ends with its piece");
    }

    #[test]
    fn bytes_that_are_no_text_are_left_out() {
        let line = [b"sid=\"s\",cid=\"".as_slice(), &[0xc3, 0x28], b"\",e=t"].concat();
        let record = Record::read(&line, &PositionKeys::default());
        assert_eq!((record.sid, record.cid, record.e), (text("s"), None, text("t")));
    }

    #[test]
    fn custom_keys_are_those_that_were_set() {
        let only = PositionKeys::only(["com.a-pt".to_owned()]);
        let pt = |line: &'static str| Record::read(line.as_bytes(), &only).custom_pt;
        assert_eq!((pt("com.a-pt=7"), pt("com.b-pt=7")), (Some(7), None));
    }

    #[test]
    fn identity_is_sid_ts_e_sn_and_nothing_else() {
        let seq = |line: &str| read(line).seq(line.as_bytes());
        let first = seq("sid=\"s\",ts=5,e=t,sn=1,pt=3");
        assert_eq!(first, seq("e=\"t\",sn=1,ts=5,sid=\"s\",br=(3)"));
        for other in [
            "sid=\"r\",ts=5,e=t,sn=1",
            "sid=\"s\",ts=6,e=t,sn=1",
            "sid=\"s\",ts=5,e=ps,sn=1",
            "sid=\"s\",ts=5,e=t,sn=2",
            "sid=\"s\",ts=5,e=t",
            "sid=\"s\",ts=5,sn=1",
        ] {
            assert_ne!(first, seq(other), "{other}");
        }
        assert_eq!(first, 3_399_231_041_417_488_148, "stored numbers never change");
        assert!(first <= i64::MAX as u64);
    }

    #[test]
    fn a_record_without_an_identity_is_known_by_its_text() {
        let seq = |line: &str| read(line).seq(line.as_bytes());
        assert_eq!(seq("sid=\"s\",ot=v"), seq("sid=\"s\",ot=v"));
        assert_ne!(seq("sid=\"s\",ot=v"), seq("sid=\"s\",ot=a"));
        assert_ne!(seq("sid=\"s\",ts=5,ot=v"), seq("sid=\"s\",ts=5,ot=a"));
    }
}
