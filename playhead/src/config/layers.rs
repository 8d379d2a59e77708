//! Where settings come from: flags, environment, a TOML file. All of them are texts under `section.key` here; what they
//! mean is checked by whoever reads them.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// The file that is read when none is named, if it is there.
const FILE: &str = "playhead.toml";
/// What our environment variables begin with.
const PREFIX: &str = "PLAYHEAD_";
/// The environment variable that names the file.
const FILE_VARIABLE: &str = "PLAYHEAD_CONFIG";

/// What the command line says of settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// Every `--set`.
    pub(crate) set: Vec<String>,
    /// Flags with names of their own: the flag, its key, its value.
    pub(crate) named: Vec<(&'static str, &'static str, String)>,
}

/// Who said a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody.
    Default,
    /// A line of a file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// A value, and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The value as text.
    pub(crate) text: String,
    /// Who said it.
    pub(crate) source: Source,
}

/// All that was said, by key.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    flags: BTreeMap<String, Given>,
    /// By variable.
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, Given>,
}

impl Layers {
    /// Gathers what flags, environment and file say.
    pub(crate) fn gather(
        flags: &Flags,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let environment: BTreeMap<_, _> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        let named = flags.file.clone().or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
        let file = match named {
            Some(path) => read_file(&path)?.ok_or_else(|| missing(path))?,
            None => read_file(Path::new(FILE))?.unwrap_or_default(),
        };
        Ok(Self { flags: said_by_flags(flags)?, environment, file })
    }

    /// What counts for a key: flags over environment over file. Takes it out of all of them, so that what is left in
    /// the end is what nobody asked for.
    pub(crate) fn take(&mut self, key: &str) -> Option<Given> {
        let variable = variable_of(key);
        let flag = self.flags.remove(key);
        let said = self.environment.remove(&variable);
        let environment = said.map(|text| Given { text, source: Source::Variable(variable) });
        let file = self.file.remove(key);
        flag.or(environment).or(file)
    }

    /// What is left: no key has taken it. Variables of sections that are none of ours may be anybody's.
    pub(crate) fn left(&self, sections: &[&str]) -> Option<(String, Source)> {
        let said = self.flags.iter().chain(&self.file).next();
        let variable = self.environment.iter().find(|&(name, text)| is_ours(name, text, sections));
        said.map(|(key, given)| (key.clone(), given.source.clone()))
            .or_else(|| variable.map(|(name, _)| (name.clone(), Source::Variable(name.clone()))))
    }
}

/// The environment variable of a key: `engine.flush_age_ms` is `PLAYHEAD_ENGINE_FLUSH_AGE_MS`.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// True for a variable that means a key of ours. Kubernetes puts variables like `PLAYHEAD_GRPC_SERVICE_HOST` into every
/// pod beside a Service called `playhead-grpc`; a server must not refuse to start because of them.
fn is_ours(name: &str, text: &str, sections: &[&str]) -> bool {
    let of_a_section = sections.iter().any(|section| name.starts_with(&format!("{}_", variable_of(section))));
    let of_a_service =
        name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || text.contains("://");
    let of_a_service_port = ["_TCP_", "_UDP_"].iter().any(|part| name.contains(part));
    of_a_section && !of_a_service && !of_a_service_port
}

fn said_by_flags(flags: &Flags) -> Result<BTreeMap<String, Given>, ConfigError> {
    let mut said = BTreeMap::new();
    for setting in &flags.set {
        let no_setting = || ConfigError::NoSetting { value: setting.clone() };
        let (key, text) = setting.split_once('=').ok_or_else(no_setting)?;
        let source = Source::Flag(format!("--set {key}"));
        said.insert(key.trim().to_owned(), Given { text: text.trim().to_owned(), source });
    }
    for (flag, key, text) in &flags.named {
        let source = Source::Flag((*flag).to_owned());
        said.insert((*key).to_owned(), Given { text: text.clone(), source });
    }
    Ok(said)
}

fn missing(path: PathBuf) -> ConfigError {
    ConfigError::Unreadable { path, error: io::ErrorKind::NotFound.into() }
}

/// The file's values, or `None` when there is no file.
fn read_file(path: &Path) -> Result<Option<BTreeMap<String, Given>>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::Unreadable { path: path.to_owned(), error }),
    };
    parse(path, &text).map(Some)
}

fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, Given>, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
        path: path.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        problem: error.message().to_owned(),
    })?;
    let mut said = BTreeMap::new();
    flatten(path, text, "", table.get_ref(), &mut said)?;
    Ok(said)
}

fn flatten(
    path: &Path,
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    said: &mut BTreeMap<String, Given>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let source = Source::File(path.to_owned(), line_of(text, value.span().start));
        let value = match value.get_ref() {
            DeValue::Table(inner) => {
                flatten(path, text, &format!("{key}."), inner, said)?;
                continue;
            }
            DeValue::String(string) => string.to_string(),
            DeValue::Integer(integer) => integer.to_string(),
            DeValue::Boolean(switch) => switch.to_string(),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
                let value = text.get(value.span()).unwrap_or_default().to_owned();
                let allowed = "a text, a whole number, true or false".to_owned();
                return Err(ConfigError::Wrong { key, value, allowed, said_by: source });
            }
        };
        said.insert(key, Given { text: value, source });
    }
    Ok(())
}

/// The line of a place in a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}
