//! The fields of each noun, and the words that some of them are.

use super::{
    Key,
    Shape::{Flag, Named, Number, Span, Text, Texts, Things, Time, Word},
};

const TEXT: &[Key] =
    &[("language", Text), ("title", Text), ("subtitle", Text), ("description", Text), ("image_url", Text)];

pub(super) const CATEGORY: &[Key] = &[
    ("id", Text),
    ("parent_id", Text),
    ("order", Number),
    ("default_language", Text),
    ("texts", Things(TEXT)),
    ("slug", Text),
    ("external_id", Text),
];

pub(super) const ITEM: &[Key] = &[
    ("id", Text),
    ("kind", Word(KINDS)),
    ("parent_id", Text),
    ("order", Number),
    ("status", Word(STATUSES)),
    ("default_language", Text),
    ("texts", Things(TEXT)),
    ("duration_ms", Span),
    ("credits_ms", Span),
    ("maturity_age", Number),
    ("category_ids", Texts),
    ("tags", Things(&[("group", Text), ("name", Text)])),
    ("assets", Things(ASSET)),
    ("access", Things(WAY)),
    ("windows", Things(WINDOW)),
    ("external_id", Text),
    ("attributes", Named),
    ("version_number", Number),
    ("version_changelog", Text),
    ("share_token", Text),
];

const ASSET: &[Key] = &[
    ("id", Text),
    ("kind", Word(ASSET_KINDS)),
    ("url", Text),
    ("mime_type", Text),
    ("language", Text),
    ("duration_ms", Span),
    ("size_bytes", Number),
    ("encryption_method", Text),
    ("encryption_key_url", Text),
    ("ready", Flag),
    ("variants", Things(VARIANT)),
];

const VARIANT: &[Key] = &[
    ("id", Text),
    ("resolution", Text),
    ("width", Number),
    ("height", Number),
    ("bitrate_kbps", Number),
    ("playlist_url", Text),
    ("codecs", Text),
];

const WAY: &[Key] = &[
    ("everybody", Flag),
    ("tier_min", Number),
    ("feature", Text),
    ("plan_ids", Texts),
    ("grant", Word(GRANT_KINDS)),
    ("role", Text),
    ("share_link", Flag),
];

const WINDOW: &[Key] =
    &[("starts_at_ms", Time), ("ends_at_ms", Time), ("countries", Texts), ("except_countries", Texts)];

pub(super) const COLLECTION: &[Key] = &[("collection_id", Text), ("item_id", Text), ("order", Number)];

pub(super) const SEGMENTS: &[Key] = &[
    ("item_id", Text),
    ("asset_id", Text),
    ("variant_id", Text),
    ("number", Number),
    ("url", Text),
    ("start_ms", Span),
    ("duration_ms", Span),
    ("size_bytes", Number),
];

pub(super) const PLAN: &[Key] = &[
    ("id", Text),
    ("texts", Things(TEXT)),
    ("active", Flag),
    ("tier", Number),
    ("features", Texts),
    ("prices", Things(PRICE)),
    ("grace_days", Number),
    ("trial_days", Number),
    ("views_max", Number),
    ("by_seat", Flag),
    ("streams_max", Number),
    ("devices_max", Number),
    ("external_id", Text),
];

const PRICE: &[Key] =
    &[("amount", Text), ("currency", Text), ("months", Number), ("days", Number), ("per_seat", Flag)];

pub(super) const SUBSCRIPTION: &[Key] = &[
    ("id", Text),
    ("account_id", Text),
    ("plan_id", Text),
    ("status", Word(SUBSCRIPTION_STATUSES)),
    ("period_start_ms", Time),
    ("period_end_ms", Time),
    ("interval_months", Number),
    ("interval_days", Number),
    ("anchor_ms", Time),
    ("time_zone", Text),
    ("auto_renew", Flag),
    ("cancelled_at_ms", Time),
    ("past_due_since_ms", Time),
    ("ended_at_ms", Time),
    ("seats", Number),
    ("external_id", Text),
];

pub(super) const SEAT: &[Key] = &[("account_id", Text), ("subscription_id", Text), ("user_id", Text)];

pub(super) const GRANT: &[Key] = &[
    ("id", Text),
    ("user_id", Text),
    ("kind", Word(GRANT_KINDS)),
    ("item_id", Text),
    ("status", Word(GRANT_STATUSES)),
    ("starts_at_ms", Time),
    ("ends_at_ms", Time),
    ("role", Text),
    ("external_id", Text),
];

pub(super) const LIMITS: &[Key] = &[("user_id", Text), ("maturity_age_max", Number)];

pub(super) const RATING: &[Key] =
    &[("user_id", Text), ("item_id", Text), ("stars", Number), ("comment", Text), ("rated_at_ms", Time)];

pub(super) const BOOKMARK: &[Key] = &[
    ("user_id", Text),
    ("id", Text),
    ("item_id", Text),
    ("position_ms", Span),
    ("title", Text),
    ("note", Text),
];

pub(super) const SESSION: &[Key] = &[
    ("session_id", Text),
    ("user_id", Text),
    ("account_id", Text),
    ("device_id", Text),
    ("item_id", Text),
    ("events", Things(EVENT)),
];

const EVENT: &[Key] =
    &[("kind", Word(EVENT_KINDS)), ("at_ms", Time), ("position_ms", Span), ("position_percent", Number)];

const KINDS: &[&str] = &[
    "MOVIE",
    "EPISODE",
    "LESSON",
    "RECORDING",
    "LIVE",
    "CLIP",
    "READING",
    "SERIES",
    "SEASON",
    "COURSE",
    "VERSION",
    "MODULE",
    "COLLECTION",
    "FOLDER",
];
const STATUSES: &[&str] = &["DRAFT", "PENDING_REVIEW", "PUBLISHED", "PAUSED", "ARCHIVED"];
const ASSET_KINDS: &[&str] = &["VIDEO", "AUDIO", "SUBTITLES", "IMAGE", "DOCUMENT"];
const GRANT_KINDS: &[&str] = &["ENROLLMENT", "TICKET", "PURCHASE", "ROLE"];
const GRANT_STATUSES: &[&str] = &["ACTIVE", "PENDING", "COMPLETED", "CANCELLED", "REVOKED"];
/// Those that a record of another system can tell of; what a player alone knows is not among them.
const EVENT_KINDS: &[&str] =
    &["START", "BEAT", "SEEK", "PAUSE", "RESUME", "STALL_START", "STALL_END", "ERROR", "STOP", "ENDED"];
const SUBSCRIPTION_STATUSES: &[&str] =
    &["TRIALING", "ACTIVE", "PAST_DUE", "CANCELLED", "EXPIRED", "PAYMENT_FAILED"];
