//! `playhead token`: what can be asked of tokens and their keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use playhead_ingest::identity::keys::Algorithm;

use super::Output;

#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a key: the private half for whoever signs tokens, the public one for the server.
    #[command(after_help = KEYGEN_EXAMPLES)]
    Keygen(Keygen),
    /// Sign a token.
    #[command(after_help = MINT_EXAMPLES)]
    Mint(Box<Mint>),
    /// Show what a token says, and whether it counts and why not. Exits 1 if it does not.
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(Inspect),
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// Ed25519: the smallest and fastest to sign.
    #[value(name = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256.
    #[value(name = "ES256")]
    Es256,
    /// RSA of 2048 bits: the fastest to check.
    #[value(name = "RS256")]
    Rs256,
}

impl KeyKind {
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDsa,
            Self::Es256 => Algorithm::Es256,
            Self::Rs256 => Algorithm::Rs256,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// What tokens will be signed with
    #[arg(long, value_enum, default_value = "EdDSA", ignore_case = true)]
    pub(crate) alg: KeyKind,
    /// Where to put the private key, PKCS#8 in PEM, for its owner only; it must not be there yet
    #[arg(long, value_name = "FILE", default_value = "playhead-key.pem")]
    pub(crate) private_key: PathBuf,
    /// Where to put the public key, a JWK Set; a set that is there gains a key
    #[arg(long, value_name = "FILE", default_value = "playhead-jwks.json")]
    pub(crate) jwks: PathBuf,
    /// The key's name [default: its RFC 7638 thumbprint]
    #[arg(long)]
    pub(crate) kid: Option<String>,
    /// How the result looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("who").required(true))]
pub(crate) struct Mint {
    /// A viewer's token, for this user (sub)
    #[arg(long, value_name = "ID", group = "who")]
    pub(crate) user: Option<String>,
    /// A service's token, by this name (sub)
    #[arg(long, value_name = "NAME", group = "who", requires = "scope")]
    pub(crate) service: Option<String>,
    /// An administrator's token, by this name (sub)
    #[arg(long, value_name = "NAME", group = "who")]
    pub(crate) admin: Option<String>,
    /// What a service may do: ingest:write, playback:read, playback:write, playback:erase; again for each
    #[arg(long, conflicts_with_all = ["user", "admin"])]
    pub(crate) scope: Vec<String>,
    /// For how long it counts, s
    #[arg(long, value_name = "S", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..=31_622_400))]
    pub(crate) expires_in_s: u64,
    /// From when on it counts, s from now [default: at once]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=31_622_400))]
    pub(crate) not_before_in_s: Option<u64>,
    #[command(flatten)]
    pub(crate) viewer: ViewerClaims,
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// How the result looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// What a viewer's token says beyond its user.
#[derive(Debug, Default, Args)]
pub(crate) struct ViewerClaims {
    /// Who pays [default: the user's own account]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Where
    #[arg(long, value_name = "ID")]
    pub(crate) device: Option<String>,
    /// What kind of device, such as tv
    #[arg(long, value_name = "WORD")]
    pub(crate) device_type: Option<String>,
    /// The only session that may be told of
    #[arg(long, value_name = "ID", requires = "item")]
    pub(crate) session: Option<String>,
    /// The only item that may be played in it
    #[arg(long, value_name = "ID", requires = "session")]
    pub(crate) item: Option<String>,
    /// MOVIE, EPISODE, LESSON, RECORDING or LIVE
    #[arg(long, value_name = "KIND", requires = "session")]
    pub(crate) item_kind: Option<String>,
    /// The item's length, ms
    #[arg(long, value_name = "MS", requires = "session")]
    pub(crate) duration_ms: Option<i64>,
    /// Where its closing credits begin, ms
    #[arg(long, value_name = "MS", requires = "session")]
    pub(crate) credits_ms: Option<i64>,
    /// The most streams that the account may run at once
    #[arg(long, value_name = "N")]
    pub(crate) streams_max: Option<u32>,
    /// What happens to one more: DENY_NEWEST or EVICT_OLDEST
    #[arg(long, value_name = "RULE", requires = "streams_max", default_value = "DENY_NEWEST")]
    pub(crate) streams_at_limit: String,
    /// The most streams on one kind of device, such as mobile=2; again for each
    #[arg(long, value_name = "WORD=N", requires = "streams_max", value_parser = word_and_number)]
    pub(crate) streams_of: Vec<(String, u32)>,
    /// The most streams of one kind of content, such as LIVE=1; again for each
    #[arg(long, value_name = "KIND=N", requires = "streams_max", value_parser = word_and_number)]
    pub(crate) streams_of_content: Vec<(String, u32)>,
    /// The most devices at once
    #[arg(long, value_name = "N", requires = "streams_max")]
    pub(crate) streams_devices: Option<u32>,
}

/// Who signs, and for whom.
#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// The private key, PKCS#8 in PEM
    #[arg(long, value_name = "FILE", default_value = "playhead-key.pem")]
    pub(crate) key: PathBuf,
    /// The secret of HS256 instead, for development
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) hs256_secret: Option<PathBuf>,
    /// The key's name [default: its RFC 7638 thumbprint]
    #[arg(long)]
    pub(crate) kid: Option<String>,
    #[command(flatten)]
    pub(crate) expect: Expect,
}

/// What tokens must say to count.
#[derive(Debug, Args)]
pub(crate) struct Expect {
    /// iss [default: auth.issuer]
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// aud [default: auth.audience]
    #[arg(long)]
    pub(crate) audience: Option<String>,
    /// TOML file with the settings of the server
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The token, or - to read it from stdin, where no list of processes shows it
    pub(crate) token: String,
    /// The keys that it may be signed by, a JWK Set [default: those of the configuration]
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// The secret of HS256 instead
    #[arg(long, value_name = "FILE", conflicts_with = "jwks")]
    pub(crate) hs256_secret: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) expect: Expect,
    /// How far clocks may be apart, s [default: auth.leeway_s]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(i64).range(0..=300))]
    pub(crate) leeway_s: Option<i64>,
    /// When it is looked at, Unix s [default: now]
    #[arg(long, value_name = "UNIX_S")]
    pub(crate) at: Option<i64>,
    /// How the result looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

fn word_and_number(text: &str) -> Result<(String, u32), String> {
    let pair = text.split_once('=').and_then(|(word, number)| Some((word.to_owned(), number.parse().ok()?)));
    pair.ok_or_else(|| "allowed is WORD=N, such as mobile=2".to_owned())
}

const KEYGEN_EXAMPLES: &str = "\
Examples:
  playhead token keygen
  playhead token keygen --alg ES256 --private-key next.pem --jwks keys.json";

const MINT_EXAMPLES: &str = "\
The token goes to stdout. docs/tokens.md says what each claim means.

Examples:
  playhead token mint --user alice --issuer https://id.example --audience playhead
  playhead token mint --user alice --account family --device tv --session s-1 --item movie-1 --item-kind MOVIE \\
    --duration-ms 5400000 --streams-max 2 --expires-in-s 14400 --config playhead.toml
  playhead token mint --service relay --scope ingest:write --expires-in-s 86400 --config playhead.toml";

const INSPECT_EXAMPLES: &str = "\
Exits 0 if the token counts, or if there are no keys to check it by; 1 if it does not count.

Examples:
  playhead token inspect - --jwks playhead-jwks.json < token
  playhead token inspect \"$TOKEN\" --config playhead.toml";
