//! The reference of all settings. What it says is what stands beside the fields: it reads the
//! source of the structs that the loader fills, so that neither can be changed alone.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Value, json};

use super::{Config, load::SECRETS};

/// Where the structs and enums are declared that settings are read into.
const SOURCES: [&str; 18] = [
    include_str!("mod.rs"),
    include_str!("server.rs"),
    include_str!("edge.rs"),
    include_str!("identity.rs"),
    include_str!("sessions.rs"),
    include_str!("mail.rs"),
    include_str!("sms.rs"),
    include_str!("tokens.rs"),
    include_str!("password.rs"),
    include_str!("limits.rs"),
    include_str!("policy.rs"),
    include_str!("outgoing.rs"),
    include_str!("registration.rs"),
    include_str!("telemetry.rs"),
    include_str!("../../../jwks/src/algorithm.rs"),
    include_str!("../../../jwks/src/forwarding.rs"),
    include_str!("../../../jwks/src/policy.rs"),
    include_str!("../../../jwks/src/site.rs"),
];

const HEAD: &str = "\
# Settings

Printed by `signalbox config reference`; the text of each is the comment beside its field.

A setting `section.key` stands in the settings file (`--config FILE`; `signalbox.toml` where that is there) as `key`
under `[section]`, or in the environment as `SIGNALBOX__SECTION__KEY`, which overrules the file:
`server.listen` is `SIGNALBOX__SERVER__LISTEN`, `policy.default.require` is `SIGNALBOX__POLICY__DEFAULT__REQUIRE`. Lists and
tables are written there as in TOML: `SIGNALBOX__SERVER__TRUSTED_PROXIES='[\"10.1.2.0/24\"]'`. A setting marked *secret* can
also be the content of a file, which `SIGNALBOX__SECTION__KEY_FILE` names and which not everybody on the machine may
read. What is not here is refused, with a suggestion.
";

/// All settings with their meaning, type and default, as Markdown.
#[must_use]
pub fn markdown() -> String {
    let declared = Declared::read();
    let mut text = HEAD.to_owned();
    let defaults = defaults();
    for section in declared.fields("Config") {
        let (kind, shape) = Shape::of(section.kind);
        let (title, defaults) = match shape {
            Shape::List => (format!("[[{}]]", section.name), smallest_site()),
            _ => (format!("[{}]", section.name), defaults[section.name].clone()),
        };
        let mut pages = Pages { declared: &declared, later: Vec::new() };
        let rows = pages.rows(section.name, kind, Some(&defaults));
        table(&mut text, &title, &section.doc, &rows);
        for (title, doc, rows) in pages.later {
            table(&mut text, &title, &doc, &rows);
        }
    }
    text
}

fn table(text: &mut String, title: &str, doc: &str, rows: &[Row]) {
    // Writing to a text does not fail.
    let _ = write!(text, "\n## `{title}`\n\n{doc}\n\n");
    text.push_str("| setting | type | default | meaning |\n|---|---|---|---|\n");
    for Row { setting, kind, default, doc } in rows {
        let _ =
            writeln!(text, "| `{setting}` | {kind} | {default} | {} |", doc.replace('|', "\\|"));
    }
}

/// What is set where nothing is, secrets included.
fn defaults() -> Value {
    let config = Config::default();
    let mut defaults = serde_json::to_value(&config).unwrap_or_default();
    for (setting, value) in SECRETS {
        if let Some((section, key)) = setting.split_once('.') {
            defaults[section][key] = json!(value(&config));
        }
    }
    defaults
}

/// The defaults of a site of which only what must be said is said.
fn smallest_site() -> Value {
    let least = json!({ "site_key": "", "base_url": "", "hosts": [], "upstreams": [] });
    let site = serde_json::from_value::<jwks::site::Site>(least.clone());
    let mut site = site.map_or(Value::Null, |site| json!(site));
    if let (Some(site), Some(least)) = (site.as_object_mut(), least.as_object()) {
        site.retain(|key, _| !least.contains_key(key));
    }
    site
}

/// One line of a table.
struct Row {
    setting: String,
    kind: String,
    default: String,
    doc: String,
}

/// The rows of one section, and the tables of the lists within it.
struct Pages<'d> {
    declared: &'d Declared,
    later: Vec<(String, String, Vec<Row>)>,
}

impl Pages<'_> {
    /// The settings within the struct `name`, which stands at `path`. `defaults`: `None` where
    /// nothing stands there by default.
    fn rows(&mut self, path: &str, name: &str, defaults: Option<&Value>) -> Vec<Row> {
        let mut rows = Vec::new();
        for field in self.declared.fields(name) {
            let setting = format!("{path}.{}", field.name);
            let (kind, shape) = Shape::of(field.kind);
            let default = defaults.map(|defaults| defaults.get(field.name));
            let is_table = self.declared.structs.contains_key(kind);
            if kind == "Policy" && path == "sites" {
                rows.push(Row {
                    setting,
                    kind: "table".into(),
                    default: "requires `\"2fa\"`".into(),
                    doc: format!("{} The keys are those of `policy.default`.", field.doc),
                });
            } else if is_table && shape == Shape::List {
                let inner = self.rows(&setting, kind, None);
                self.later.push((format!("[[{setting}]]"), field.doc.clone(), inner));
            } else if is_table {
                let inner = match (shape, default) {
                    (Shape::Optional, Some(Some(Value::Null)) | None) => None,
                    (_, default) => default.flatten(),
                };
                let mut inner = self.rows(&setting, kind, inner);
                // Where a whole table may be left out, its first row says what the table is.
                if let (Shape::Optional, Some(first)) = (shape, inner.first_mut()) {
                    first.doc = format!("{} {}", field.doc, first.doc);
                }
                rows.extend(inner);
            } else {
                let is_secret = SECRETS.iter().any(|(secret, _)| *secret == setting);
                rows.push(Row {
                    kind: self.declared.words(kind, shape)
                        + if is_secret { ", *secret*" } else { "" },
                    default: match default {
                        None | Some(Some(Value::Null)) => "unset".into(),
                        Some(None) if shape == Shape::Optional => "unset".into(),
                        Some(None) => "none: it must be set".into(),
                        Some(Some(value)) => format!("`{value}`"),
                    },
                    setting,
                    doc: field.doc.clone(),
                });
            }
        }
        rows
    }
}

/// How a type holds its kind of value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    Optional,
    List,
}

impl Shape {
    /// What is held, and how. A list that is optional is a list.
    fn of(kind: &str) -> (&str, Self) {
        let within = |outer: &str| kind.strip_prefix(outer)?.strip_suffix('>');
        if let Some(inner) = within("Option<") {
            match Self::of(inner) {
                (kind, Self::List) => (kind, Self::List),
                (kind, _) => (kind, Self::Optional),
            }
        } else if let Some(inner) = within("Vec<") {
            (inner, Self::List)
        } else {
            (kind, Self::One)
        }
    }
}

/// A field of a struct.
struct Field {
    name: &'static str,
    kind: &'static str,
    doc: String,
}

/// What the sources declare, by name.
#[derive(Default)]
struct Declared {
    structs: BTreeMap<&'static str, Vec<Field>>,
    /// The values of an enum, as they are written.
    enums: BTreeMap<&'static str, Vec<String>>,
}

impl Declared {
    fn read() -> Self {
        let mut declared = Self::default();
        for source in SOURCES {
            declared.read_source(source);
        }
        declared
    }

    /// Reads what `rustfmt` has put into lines: a declaration begins and ends at the margin.
    fn read_source(&mut self, source: &'static str) {
        let (mut attributes, mut lines) = (Vec::new(), source.lines());
        while let Some(line) = lines.next() {
            let body = || lines.clone().take_while(|line| *line != "}").map(str::trim);
            let name = |line: &'static str| line.strip_suffix(" {");
            if let Some(name) = line.strip_prefix("pub struct ").and_then(name) {
                self.structs.insert(name, fields(body()));
            } else if let Some(name) = line.strip_prefix("pub enum ").and_then(name) {
                self.enums.insert(name, variants(&attributes, body()));
            }
            if line.starts_with('#') {
                attributes.push(line);
            } else if !line.starts_with("///") {
                attributes.clear();
            }
        }
    }

    fn fields(&self, name: &str) -> &[Field] {
        self.structs.get(name).map_or(&[], Vec::as_slice)
    }

    /// A type in words.
    fn words(&self, kind: &str, shape: Shape) -> String {
        let one = match kind {
            "String" => "text",
            "bool" => "`true` or `false`",
            "f64" => "number",
            "u8" | "u32" | "u64" | "usize" => "whole number",
            "SocketAddr" => "address and port",
            "Url" => "URL",
            "IpNet" => "network",
            "Uuid" => "UUID",
            "PathBuf" => "file",
            other => {
                let values = self.enums.get(other).map(|values| values.join(", "));
                return match (values, shape) {
                    (None, _) => format!("`{other}`"),
                    (Some(values), Shape::List) => format!("list of {values}"),
                    (Some(values), _) => format!("one of {values}"),
                };
            }
        };
        match shape {
            Shape::List if ["network", "file"].contains(&one) => format!("list of {one}s"),
            Shape::List => format!("list of {one}"),
            Shape::One | Shape::Optional => one.to_owned(),
        }
    }
}

fn fields(lines: impl Iterator<Item = &'static str>) -> Vec<Field> {
    let (mut fields, mut doc) = (Vec::new(), String::new());
    for line in lines {
        if let Some(more) = line.strip_prefix("///") {
            doc.push_str(more);
        } else if let Some((name, kind)) =
            line.strip_prefix("pub ").and_then(|field| field.trim_end_matches(',').split_once(": "))
        {
            fields.push(Field { name, kind, doc: std::mem::take(&mut doc).trim().to_owned() });
        }
    }
    fields
}

/// The names of an enum's variants, as serde writes them.
fn variants(attributes: &[&str], lines: impl Iterator<Item = &'static str>) -> Vec<String> {
    let is_renamed = |style: &str| {
        attributes.iter().any(|line| line.contains(&format!("rename_all = \"{style}\"")))
    };
    let (mut names, mut given) = (Vec::new(), None);
    for line in lines {
        if let Some((_, rest)) = line.split_once("rename = \"") {
            given = rest.split('"').next();
        } else if let Some(variant) = line.strip_suffix(',') {
            let name = match given.take() {
                Some(given) => given.to_owned(),
                None if is_renamed("snake_case") => snake(variant),
                None if is_renamed("SCREAMING_SNAKE_CASE") => snake(variant).to_uppercase(),
                None => variant.to_owned(),
            };
            names.push(format!("`{name}`"));
        }
    }
    names
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The leaves of a value, by their paths.
    fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                for (key, value) in inner {
                    leaves(&format!("{path}.{key}"), value, found);
                }
            }
            _ => drop(found.insert(path.trim_start_matches('.').to_owned())),
        }
    }

    fn described() -> Vec<(String, String)> {
        let text = markdown();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| row.split_once('`'))
            .map(|(setting, rest)| (setting.to_owned(), rest.to_owned()))
            .collect()
    }

    #[test]
    fn every_setting_is_described_once_and_nothing_else_is() {
        let mut known = BTreeSet::new();
        leaves("", &defaults(), &mut known);
        // A list and an optional table are described by what may stand in them.
        for table in ["sites", "policy.default.rules", "edge.certificates"] {
            assert!(known.remove(table), "{table}");
        }
        for table in ["policy.default.accept.api_key", "policy.default.accept.client"] {
            assert!(known.remove(table), "{table}");
            known.insert(format!("{table}.scopes"));
        }
        let described: Vec<_> = described();
        let names: BTreeSet<_> = described.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names.len(), described.len(), "{described:#?}");
        let (within, rest): (BTreeSet<_>, BTreeSet<_>) = names.into_iter().partition(|name| {
            ["sites.", "policy.default.rules.", "edge.certificates."]
                .iter()
                .any(|list| name.starts_with(list))
        });
        assert_eq!(rest, known);
        for setting in ["sites.hosts", "sites.policy", "policy.default.rules.allow.networks"] {
            assert!(within.contains(setting), "{within:#?}");
        }
    }

    #[test]
    fn a_setting_has_a_meaning_a_type_and_a_default() {
        for (setting, rest) in described() {
            let cells: Vec<_> = rest.split(" | ").map(str::trim).collect();
            assert!(cells.len() >= 4 && cells[1..].iter().all(|cell| cell.len() > 2), "{setting}");
            // A type that no case knows is shown as code.
            let odd = cells[1].starts_with('`') && !cells[1].starts_with("`true`");
            assert!(!odd, "{setting}: {rest}");
        }
    }

    #[test]
    fn types_and_values_are_those_of_the_loader() {
        let text = markdown();
        for line in [
            "| `server.listen` | address and port | `\"127.0.0.1:8080\"` |",
            "| `server.sealing_key` | text, *secret* | unset |",
            "| `identity.url` | text, *secret* | `\"embedded\"` |",
            "| `server.trusted_proxies` | list of networks | `[]` |",
            "| `tokens.algorithm` | one of `ES256`, `RS256`, `PS256`, `EdDSA` | `\"ES256\"` |",
            "| `policy.default.require` | one of `public`, `signed_in`, `2fa`, `phishing_resistant` | `\"signed_in\"` |",
            "| `sites.site_key` | text | none: it must be set |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
