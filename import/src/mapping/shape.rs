//! What may be said of each noun: the names are those of the API's fields.

/// The nouns, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NounKind {
    /// A category.
    Category,
    /// An item.
    Item,
    /// What a collection holds.
    Collection,
    /// A plan.
    Plan,
    /// A subscription.
    Subscription,
    /// A seat of a subscription.
    Seat,
    /// A grant.
    Grant,
    /// What a user may watch at most.
    Limits,
}

impl NounKind {
    /// All, in their order.
    pub const ALL: [Self; 8] = [
        Self::Category,
        Self::Item,
        Self::Collection,
        Self::Plan,
        Self::Subscription,
        Self::Seat,
        Self::Grant,
        Self::Limits,
    ];

    /// Its name in mappings and summaries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "categories",
            Self::Item => "items",
            Self::Collection => "collections",
            Self::Plan => "plans",
            Self::Subscription => "subscriptions",
            Self::Seat => "seats",
            Self::Grant => "grants",
            Self::Limits => "limits",
        }
    }

    /// What may be said of it.
    pub(crate) fn keys(self) -> &'static [Key] {
        match self {
            Self::Category => CATEGORY,
            Self::Item => ITEM,
            Self::Collection => COLLECTION,
            Self::Plan => PLAN,
            Self::Subscription => SUBSCRIPTION,
            Self::Seat => SEAT,
            Self::Grant => GRANT,
            Self::Limits => LIMITS,
        }
    }

    /// The fields that name it: parts say them too.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Category | Self::Item | Self::Plan => &["id"],
            Self::Collection => &["collection_id", "item_id"],
            Self::Subscription => &["account_id", "id"],
            Self::Seat => &["account_id", "subscription_id", "user_id"],
            Self::Grant => &["user_id", "id"],
            Self::Limits => &["user_id"],
        }
    }

    /// The fields that whoever makes it has to say besides.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Item | Self::Grant => &["kind"],
            Self::Subscription => &["plan_id", "status", "period_start_ms", "period_end_ms"],
            _ => &[],
        }
    }
}

/// A field and what it is made of.
pub(crate) type Key = (&'static str, Shape);

/// What a field is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A moment, Unix ms.
    Time,
    /// A length, ms.
    Span,
    /// Yes or no.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Several texts.
    Texts,
    /// Several things of these fields.
    Things(&'static [Key]),
    /// Texts under names of the mapping's own.
    Named,
}

use Shape::{Flag, Named, Number, Span, Text, Texts, Things, Time, Word};

const TEXT: &[Key] =
    &[("language", Text), ("title", Text), ("subtitle", Text), ("description", Text), ("image_url", Text)];

const CATEGORY: &[Key] = &[
    ("id", Text),
    ("parent_id", Text),
    ("order", Number),
    ("default_language", Text),
    ("texts", Things(TEXT)),
    ("slug", Text),
    ("external_id", Text),
];

const ITEM: &[Key] = &[
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

const COLLECTION: &[Key] = &[("collection_id", Text), ("item_id", Text), ("order", Number)];

const PLAN: &[Key] = &[
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

const SUBSCRIPTION: &[Key] = &[
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

const SEAT: &[Key] = &[("account_id", Text), ("subscription_id", Text), ("user_id", Text)];

const GRANT: &[Key] = &[
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

const LIMITS: &[Key] = &[("user_id", Text), ("maturity_age_max", Number)];

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
const SUBSCRIPTION_STATUSES: &[&str] =
    &["TRIALING", "ACTIVE", "PAST_DUE", "CANCELLED", "EXPIRED", "PAYMENT_FAILED"];
