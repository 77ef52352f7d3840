//! What people call the columns of a table of interactions.

/// What a column holds, judging by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Session,
    Item,
    Time,
    Value,
    Label,
}

const USERS: [&str; 9] = ["user", "visitor", "customer", "reviewer", "member", "account", "uid", "person", "listener"];
const SESSIONS: [&str; 3] = ["session", "sid", "basket"];
const ITEMS: [&str; 24] = [
    "item", "movie", "product", "song", "track", "artist", "book", "business", "article", "venue", "place", "location",
    "poi", "asin", "isbn", "iid", "video", "film", "news", "game", "anime", "recipe", "listing", "sku",
];
const TIMES: [&str; 13] = [
    "timestamp",
    "time",
    "ts",
    "date",
    "datetime",
    "day",
    "created",
    "createdat",
    "eventtime",
    "unixreviewtime",
    "unixtime",
    "clicktime",
    "checkintime",
];
const VALUES: [&str; 13] = [
    "rating",
    "score",
    "star",
    "value",
    "weight",
    "count",
    "frequency",
    "play",
    "playcount",
    "overall",
    "preference",
    "watchratio",
    "label",
];
const LABELS: [&str; 7] = ["behavior", "behaviour", "action", "event", "eventtype", "type", "behaviortype"];

/// The role of a column, however its name is written: `user_id`, `"movieId"`, RecBole's `timestamp:float`.
pub(super) fn role(field: &str) -> Option<Role> {
    let name = field.to_lowercase();
    let name = name.split(':').next().unwrap_or_default(); // RecBole puts the type behind it: `user_id:token`.
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let stem = name.strip_suffix("id").or_else(|| name.strip_suffix('s')).unwrap_or(&name);
    let is_one_of = |words: &[&str]| [&*name, stem].iter().any(|name| words.contains(name));
    let roles: [(&[&str], Role); 6] = [
        (&USERS, Role::User),
        (&SESSIONS, Role::Session),
        (&ITEMS, Role::Item),
        (&TIMES, Role::Time),
        (&VALUES, Role::Value),
        (&LABELS, Role::Label),
    ];
    roles.into_iter().find_map(|(words, role)| is_one_of(words).then_some(role))
}

/// Whether a field is what people call a column of users, sessions or items.
pub(super) fn is_name_of_a_column(field: &[u8]) -> bool {
    matches!(role(&String::from_utf8_lossy(field)), Some(Role::User | Role::Session | Role::Item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_however_they_are_written() {
        for (name, expected) in [
            ("user_id:token", Some(Role::User)),
            ("\"movieId\"", Some(Role::Item)),
            ("SessionId", Some(Role::Session)),
            ("visitorid", Some(Role::User)),
            ("timestamp:float", Some(Role::Time)),
            ("unixReviewTime", Some(Role::Time)),
            ("ratings", Some(Role::Value)),
            ("event_type", Some(Role::Label)),
            ("playtime", None),
            ("title", None),
            ("", None),
            ("id", None),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
        assert!(is_name_of_a_column(b"uid") && !is_name_of_a_column(b"rating"));
    }
}
