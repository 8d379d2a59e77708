//! Reads keys one by one, with their meaning, their default and what is allowed. A key exists because something reads
//! it here, so the list of keys, the commented defaults and the effective configuration cannot disagree.

use std::{fmt::Display, net::SocketAddr, ops::RangeInclusive};

use super::{
    ConfigError, Source,
    layers::{Given, Layers},
};

/// A key with the value that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    /// `section.key`.
    pub(crate) key: String,
    /// Its value, as TOML.
    pub(crate) value: String,
    /// Who said it.
    pub(crate) source: Source,
    /// What it means, and what is allowed.
    pub(crate) about: String,
}

impl Effective {
    /// Its value as JSON: texts in quotes, numbers and switches bare, just as in TOML.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.value).unwrap_or_else(|_| self.value.clone().into())
    }
}

/// Reads keys and remembers which.
pub(crate) struct Reader {
    layers: Layers,
    read: Vec<Effective>,
}

impl Reader {
    pub(crate) fn new(layers: Layers) -> Self {
        Self { layers, read: Vec::new() }
    }

    /// A text of any kind.
    pub(crate) fn text(&mut self, key: &str, about: &str, default: &str) -> String {
        let given = self.take(key, default);
        self.note(key, format!("{:?}", given.text), &given.source, about.to_owned());
        given.text
    }

    /// A text that is shown nowhere.
    pub(crate) fn secret(&mut self, key: &str, about: &str) -> String {
        let given = self.take(key, "");
        let shown = if given.text.is_empty() { "" } else { "(hidden)" };
        self.note(key, format!("{shown:?}"), &given.source, about.to_owned());
        given.text
    }

    /// A whole number in a range.
    pub(crate) fn number(
        &mut self,
        key: &str,
        about: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        let given = self.take(key, default);
        let allowed = format!("{} to {}", range.start(), range.end());
        self.note(key, given.text.clone(), &given.source, format!("{about} {allowed}."));
        let number = given.text.replace('_', "").parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.wrong(key, given.text, allowed))
    }

    /// True or false.
    pub(crate) fn switch(&mut self, key: &str, about: &str, default: bool) -> Result<bool, ConfigError> {
        let given = self.take(key, default);
        self.note(key, given.text.clone(), &given.source, about.to_owned());
        given.text.parse().map_err(|_| self.wrong(key, given.text, "true or false"))
    }

    /// An IP address with a port. The default is a port on 127.0.0.1.
    pub(crate) fn address(
        &mut self,
        key: &str,
        about: &str,
        default: u16,
    ) -> Result<SocketAddr, ConfigError> {
        let text = self.text(key, about, &format!("127.0.0.1:{default}"));
        let allowed = "an IP address and a port, such as 127.0.0.1:7450 or [::1]:7450";
        text.parse().map_err(|_| self.wrong(key, text, allowed))
    }

    /// An IP address with a port, or `off`. The default is a port on 127.0.0.1.
    pub(crate) fn address_or_off(
        &mut self,
        key: &str,
        about: &str,
        default: u16,
    ) -> Result<Option<SocketAddr>, ConfigError> {
        let text = self.text(key, about, &format!("127.0.0.1:{default}"));
        let allowed = "off, or an IP address and a port, such as 127.0.0.1:7443 or [::1]:7443";
        match (&*text, text.parse()) {
            ("off", _) => Ok(None),
            (_, Ok(address)) => Ok(Some(address)),
            (_, Err(_)) => Err(self.wrong(key, text, allowed)),
        }
    }

    /// One of these words; the first is the default.
    pub(crate) fn choice(
        &mut self,
        key: &str,
        about: &str,
        words: &[&'static str],
    ) -> Result<&'static str, ConfigError> {
        let allowed = words.join(" or ");
        let text = self.text(key, &format!("{about} {allowed}."), words.first().copied().unwrap_or_default());
        words.iter().find(|&&word| word == text).copied().ok_or_else(|| self.wrong(key, text, allowed))
    }

    /// The error for a value of a key that was read.
    pub(crate) fn wrong(&self, key: &str, value: impl Display, allowed: impl Into<String>) -> ConfigError {
        let (key, said_by) = (key.to_owned(), self.source(key));
        ConfigError::Wrong { key, value: value.to_string(), allowed: allowed.into(), said_by }
    }

    /// Who said a key that was read.
    pub(crate) fn source(&self, key: &str) -> Source {
        let read = self.read.iter().find(|effective| effective.key == key);
        read.map_or(Source::Default, |effective| effective.source.clone())
    }

    /// The value of a key that was read, if somebody said it.
    pub(crate) fn said(&self, key: &str) -> Option<&str> {
        let read = self.read.iter().find(|effective| effective.key == key)?;
        (read.source != Source::Default).then(|| read.value.trim_matches('"'))
    }

    /// All that was read, unless something was said that nobody read.
    pub(crate) fn finish(self) -> Result<Vec<Effective>, ConfigError> {
        let mut sections: Vec<&str> =
            self.read.iter().filter_map(|read| read.key.split('.').next()).collect();
        sections.dedup();
        match self.layers.left(&sections) {
            None => Ok(self.read),
            Some((key, said_by)) => {
                let allowed = self.keys_near(&key, &said_by, &sections);
                Err(ConfigError::Unknown { key, allowed, said_by })
            }
        }
    }

    /// The keys of the section that was meant, or else the sections.
    fn keys_near(&self, key: &str, said_by: &Source, sections: &[&str]) -> String {
        let meant = match said_by {
            Source::Variable(name) => name.split('_').nth(1).unwrap_or_default().to_ascii_lowercase(),
            _ => key.split('.').next().unwrap_or_default().to_owned(),
        };
        let within = format!("{meant}.");
        let keys: Vec<&str> = self.read.iter().filter_map(|read| read.key.strip_prefix(&within)).collect();
        match keys.is_empty() {
            true => {
                format!("a key of {}", sections.iter().map(|name| format!("[{name}]")).collect::<String>())
            }
            false => format!("in [{meant}] {}", keys.join(", ")),
        }
    }

    fn take(&mut self, key: &str, default: impl Display) -> Given {
        let given = self.layers.take(key);
        given.unwrap_or_else(|| Given { text: default.to_string(), source: Source::Default })
    }

    fn note(&mut self, key: &str, value: String, source: &Source, about: String) {
        self.read.push(Effective { key: key.to_owned(), value, source: source.clone(), about });
    }
}
