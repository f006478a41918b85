//! What `.help` knows something about, and the texts themselves.

/// The topics, and the tour.
pub const NAMES: &[&str] = &[
    "facts",
    "time",
    "queries",
    "transactions",
    "pull",
    "rules",
    "schema",
    "commands",
    "tour",
];

/// The topics with their texts.
pub const TOPICS: &[(&str, &str)] = &[
    ("facts", include_str!("help/facts.txt")),
    ("time", include_str!("help/time.txt")),
    ("queries", include_str!("help/queries.txt")),
    ("transactions", include_str!("help/transactions.txt")),
    ("pull", include_str!("help/pull.txt")),
    ("rules", include_str!("help/rules.txt")),
    ("schema", include_str!("help/schema.txt")),
];
