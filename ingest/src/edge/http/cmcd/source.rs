//! Where a request without a body carries its record: in the four CMCD headers, or in the query argument `CMCD`.

use axum::http::HeaderMap;

use crate::edge::http::query;

/// The record that the CMCD headers hold together, or `None` when there are none of them.
pub(super) fn from_headers(headers: &HeaderMap) -> Option<Vec<u8>> {
    let values = HEADERS.iter().flat_map(|&name| headers.get_all(name));
    let parts: Vec<&[u8]> = values.map(|value| value.as_bytes().trim_ascii()).collect();
    let named: Vec<&[u8]> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| named.join(&b','))
}

/// The records of all `CMCD` arguments of a query, one per line, or `None` when there is no such argument.
pub(super) fn from_query(text: &str) -> Option<Vec<u8>> {
    let arguments = text.split('&').filter_map(|argument| argument.split_once('='));
    let records = arguments.filter(|&(name, _)| name == ARGUMENT).map(|(_, value)| query::decode(value));
    let records: Vec<Vec<u8>> = records.collect();
    (!records.is_empty()).then(|| records.join(&b'\n'))
}

const HEADERS: [&str; 4] = ["cmcd-request", "cmcd-object", "cmcd-status", "cmcd-session"];
const ARGUMENT: &str = "CMCD";

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_argument_is_decoded() {
        for (query, expect) in [
            ("CMCD=sid%3D%22a%22%2Ce%3Dt", Some("sid=\"a\",e=t")),
            ("x=1&CMCD=br%3D%28400%3Bv+64%3ba%29&y", Some("br=(400;v 64;a)")),
            ("CMCD=a&CMCD=b", Some("a\nb")),
            ("CMCD=100%&z=%zz", Some("100%")),
            ("CMCD=", Some("")),
            ("cmcd=a", None),
            ("", None),
        ] {
            assert_eq!(from_query(query), expect.map(|text| text.as_bytes().to_vec()), "{query}");
        }
    }

    #[test]
    fn the_headers_make_one_record() {
        let mut headers = HeaderMap::new();
        assert_eq!(from_headers(&headers), None);
        headers.insert("cmcd-session", HeaderValue::from_static(" sid=\"a\" "));
        headers.insert("CMCD-Object", HeaderValue::from_static("br=5"));
        headers.insert("CMCD-Status", HeaderValue::from_static(""));
        assert_eq!(from_headers(&headers), Some(b"br=5,sid=\"a\"".to_vec()));
    }
}
