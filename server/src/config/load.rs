//! Reading the settings: one TOML file, over it the environment, and secrets from files.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    error::{Actual, Error, Kind},
    providers::{Format, Serialized, Toml},
    value::{Dict, Value},
};

use super::{Config, Problem};

/// What every environment variable with a setting begins with.
const PREFIX: &str = "SIGNALBOX__";
/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "signalbox.toml";

/// Gives a secret.
type Secret = fn(&Config) -> Option<&str>;

/// Settings that hold a secret, or an address with a password in it, and where each stands: none
/// of them is ever serialised.
pub(super) const SECRETS: [(&str, Secret); 6] = [
    ("server.sealing_key", |config| config.server.sealing_key.as_deref()),
    ("edge.credential", |config| config.edge.credential.as_deref()),
    ("identity.url", |config| Some(&config.identity.url)),
    ("sessions.url", |config| Some(&config.sessions.url)),
    ("mail.url", |config| Some(&config.mail.url)),
    ("sms.secret", |config| config.sms.secret.as_deref()),
];

/// Reads the settings. `file`: the one named by `--config`, which must exist; else
/// [`DEFAULT_FILE`] in the working directory if it does. `environment`: its variables.
///
/// # Errors
/// Everything that cannot be read as a setting, all at once, naming the setting and where it was
/// found.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let file = match file {
        Some(file) => Some(file.to_owned()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()),
    };
    let from_file = file.as_deref().map(|file| read_file(file, &mut problems)).unwrap_or_default();
    let from_environment = Environment::read(environment, &mut problems);
    let merged = Figment::from(Serialized::defaults(from_file))
        .merge(Serialized::defaults(&from_environment.values));

    let mut values: Dict = merged.extract().unwrap_or_default();
    loop {
        match Figment::from(Serialized::defaults(&values)).extract_lossy::<Config>() {
            Ok(config) if problems.is_empty() => return Ok(config),
            Ok(_) => return Err(problems),
            // What was wrong is reported and left out, so that the rest is judged as well.
            Err(error) => {
                let source = from_environment.source(&error.path, file.as_deref());
                problems.push(explain(&error, &source));
                if !remove(&mut values, &error.path) {
                    return Err(problems);
                }
            }
        }
    }
}

fn read_file(file: &Path, problems: &mut Vec<Problem>) -> Dict {
    let name = file.display().to_string();
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            problems.push(Problem::new(name, error.to_string(), "name a file with --config"));
            return Dict::new();
        }
    };
    match Toml::from_str::<Dict>(&text) {
        Ok(values) => {
            judge_readers(file, &values, problems);
            values
        }
        Err(error) => {
            // The first line says where; the others would repeat the text, which may be a secret.
            let place = error.to_string().lines().next().unwrap_or_default().to_owned();
            problems.push(Problem::new(
                name,
                format!("{place}: {}", error.message()),
                "the file is TOML, see https://toml.io",
            ));
            Dict::new()
        }
    }
}

/// A settings file that holds a secret is for its owner's eyes (rule 40).
fn judge_readers(file: &Path, values: &Dict, problems: &mut Vec<Problem>) {
    if !readable_by_others(file) {
        return;
    }
    for (setting, _) in SECRETS {
        let path: Vec<String> = setting.split('.').map(str::to_owned).collect();
        let Some(Value::String(_, value)) = find(values, &path) else { continue };
        let is_secret = url::Url::parse(value)
            .map_or(!setting.ends_with(".url"), |url| url.password().is_some());
        if is_secret {
            problems.push(Problem::new(
                setting,
                format!("stands in {}, which everybody on this machine may read", file.display()),
                format!("chmod 600 {}", file.display()),
            ));
        }
    }
}

/// Whether everybody on this machine may read `file`. The group is not asked about: where a
/// service manager hands a secret over by an access control list, the mode shows it as the group's.
pub(super) fn readable_by_others(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o007 != 0)
}

/// What the environment says, and which variable said it.
#[derive(Default)]
struct Environment {
    values: Dict,
    variables: BTreeMap<Vec<String>, String>,
}

impl Environment {
    fn read(
        environment: impl IntoIterator<Item = (String, String)>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut read = Self::default();
        let mut variables: Vec<_> =
            environment.into_iter().filter(|(variable, _)| variable.starts_with(PREFIX)).collect();
        variables.sort();
        for (variable, value) in variables {
            let name = variable[PREFIX.len()..].to_lowercase();
            let of_file = name.strip_suffix("_file").filter(|secret| is_secret(secret));
            let path: Vec<String> =
                of_file.unwrap_or(&name).split("__").map(str::to_owned).collect();
            let value = match of_file {
                None => plain(&value),
                Some(_) => match read_secret(&path.join("."), Path::new(&value)) {
                    Ok(secret) => Value::from(secret),
                    Err(problem) => {
                        problems.push(problem);
                        continue;
                    }
                },
            };
            if let Some(other) = read.variables.get(&path) {
                problems.push(Problem::new(
                    path.join("."),
                    format!("is set twice, by {other} and by {variable}"),
                    "unset one of them",
                ));
            } else if insert(&mut read.values, &path, value) {
                read.variables.insert(path, variable);
            } else {
                problems.push(Problem::new(
                    path.join("."),
                    format!("{variable} names a key within something that is set as a whole"),
                    "unset one of them",
                ));
            }
        }
        read
    }

    /// Where the value at `path` comes from, for people.
    fn source(&self, path: &[String], file: Option<&Path>) -> String {
        (1..=path.len())
            .rev()
            .find_map(|length| self.variables.get(&path[..length]))
            .cloned()
            .or_else(|| file.map(|file| file.display().to_string()))
            .unwrap_or_else(|| "the settings".into())
    }
}

/// A value of the environment: a list or a table where it is written as one, else text, which
/// becomes a number or a switch where one is asked for.
fn plain(text: &str) -> Value {
    let structured = text.starts_with(['[', '{', '"']);
    let parsed = structured.then(|| Toml::from_str::<Dict>(&format!("value = {text}")).ok());
    parsed
        .flatten()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::from(text))
}

/// Whether a variable, without its prefix and in lower case, names a secret.
fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|(setting, _)| setting.replace('.', "__") == name)
}

fn read_secret(setting: &str, file: &Path) -> Result<String, Problem> {
    if readable_by_others(file) {
        return Err(Problem::new(
            setting,
            format!("{} can be read by everybody on this machine", file.display()),
            format!("chmod 600 {}", file.display()),
        ));
    }
    match fs::read_to_string(file) {
        Ok(text) => Ok(text
            .strip_suffix('\n')
            .map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest))
            .to_owned()),
        Err(error) => Err(Problem::new(
            setting,
            format!("{}: {error}", file.display()),
            format!("let {PREFIX}{}_FILE name a file that can be read", variable_of(setting)),
        )),
    }
}

fn variable_of(setting: &str) -> String {
    setting.to_uppercase().replace('.', "__")
}

fn insert(values: &mut Dict, path: &[String], value: Value) -> bool {
    match path {
        [] => false,
        [key] => values.insert(key.clone(), value).is_none(),
        [key, rest @ ..] => {
            match values.entry(key.clone()).or_insert_with(|| Value::from(Dict::new())) {
                Value::Dict(_, inner) => insert(inner, rest, value),
                _ => false,
            }
        }
    }
}

fn find<'v>(values: &'v Dict, path: &[String]) -> Option<&'v Value> {
    let (key, rest) = path.split_first()?;
    match (values.get(key)?, rest) {
        (value, []) => Some(value),
        (Value::Dict(_, inner), rest) => find(inner, rest),
        _ => None,
    }
}

/// Takes the value at `path` away; within a list, the whole list.
fn remove(values: &mut Dict, path: &[String]) -> bool {
    let Some((key, rest)) = path.split_first() else { return false };
    if !rest.is_empty()
        && let Some(Value::Dict(_, inner)) = values.get_mut(key)
        && remove(inner, rest)
    {
        return true;
    }
    values.remove(key).is_some()
}

fn explain(error: &Error, source: &str) -> Problem {
    let setting = error.path.join(".");
    let at = format!("in {source}");
    match &error.kind {
        Kind::UnknownField(field, known) => {
            let section = error.path[..error.path.len().saturating_sub(1)].join(".");
            let remedy = match nearest(field, known) {
                Some(meant) if section.is_empty() => format!("did you mean `{meant}`?"),
                Some(meant) => format!("did you mean `{section}.{meant}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            Problem::new(setting, format!("no such setting, {at}"), remedy)
        }
        Kind::UnknownVariant(_, known) => Problem::new(
            setting,
            format!("no such value, {at}"),
            format!("one of {}", known.join(", ")),
        ),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => Problem::new(
            setting,
            format!("{} where {expected} is expected, {at}", name(found)),
            "see the documentation of this setting",
        ),
        Kind::MissingField(field) => {
            Problem::new(setting, format!("`{field}` is missing, {at}"), format!("add `{field}`"))
        }
        kind => Problem::new(setting, format!("{kind}, {at}"), "correct the value"),
    }
}

/// What was found, without its value: it may be a secret that stands at the wrong place.
const fn name(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "a switch",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a number with a fraction",
        Actual::Char(_) | Actual::Str(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

fn nearest<'k>(field: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(field, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        load(
            Some(Path::new("/dev/null")),
            variables.iter().map(|(variable, value)| ((*variable).into(), (*value).into())),
        )
    }

    fn from_toml(text: &str) -> Result<Config, Vec<Problem>> {
        let file = Scratch::new(text, 0o600);
        load(Some(&file.0), [])
    }

    /// A file that is gone when the test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(text: &str, mode: u32) -> Self {
            let name = format!("signalbox-{}", uuid::Uuid::new_v4());
            let file = std::env::temp_dir().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            Self(file)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_file(&self.0));
        }
    }

    fn only(problems: Result<Config, Vec<Problem>>) -> Problem {
        let mut problems = problems.unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        assert_eq!(from(&[]).unwrap(), Config::default());
    }

    #[test]
    fn one_network_or_file_may_stand_without_brackets() {
        let load = |text: &str| {
            let variable = ("SIGNALBOX__OUTGOING__ALLOW_PRIVATE".to_owned(), text.to_owned());
            load(None, [variable]).map(|config| config.outgoing.allow_private)
        };
        let network = |text: &str| text.parse::<ipnet::IpNet>().unwrap();
        let loopback = [network("127.0.0.0/8"), network("::1/128")];
        assert_eq!(load("127.0.0.0/8").unwrap(), loopback[..1]);
        assert_eq!(load("127.0.0.0/8, ::1").unwrap(), loopback);
        assert_eq!(load("['127.0.0.0/8', '::1/128']").unwrap(), loopback);
        for bad in ["localhost", "['10.0.0.0/33']", "7", ""] {
            let problems = load(bad).unwrap_err();
            assert_eq!(problems[0].setting, "outgoing.allow_private", "{problems:?}");
        }
        let ca = ("SIGNALBOX__OUTGOING__EXTRA_CA".to_owned(), "/etc/ca.pem".to_owned());
        let config = super::load(None, [ca]).unwrap();
        assert_eq!(config.outgoing.extra_ca, [Path::new("/etc/ca.pem")]);
    }

    #[test]
    fn the_environment_overrules_the_file() {
        let file =
            Scratch::new("[server]\nlisten = \"127.0.0.1:1\"\n[tokens]\nid_ttl = 7\n", 0o600);
        let environment = [
            ("SIGNALBOX__SERVER__LISTEN", "127.0.0.1:2"),
            ("SIGNALBOX__TOKENS__ACCESS_TTL", "8"),
            ("SIGNALBOX__EDGE__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
            ("SIGNALBOX__EDGE__ACCESS_LOG", "false"),
            ("SIGNALBOX__POLICY__DEFAULT__REQUIRE", "2fa"),
            ("SIGNALBOX_TEST_CLOCK", "is no setting"),
        ];
        let config =
            load(Some(&file.0), environment.map(|(key, value)| (key.into(), value.into())))
                .unwrap();
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!((config.tokens.access_ttl, config.tokens.id_ttl), (8, 7));
        assert_eq!(config.edge.trusted_proxies, ["10.0.0.0/8".parse().unwrap()]);
        assert!(!config.edge.access_log);
        assert_eq!(config.policy.default.require, jwks::policy::Require::TwoFactor);
    }

    #[test]
    fn a_secret_that_looks_like_a_number_stays_text() {
        let config = from(&[("SIGNALBOX__EDGE__CREDENTIAL", "0123")]).unwrap();
        assert_eq!(config.edge.credential.as_deref(), Some("0123"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_what_may_be_meant() {
        let problem = only(from_toml("[server]\nlisen = \"127.0.0.1:1\""));
        assert_eq!(problem.setting, "server.lisen");
        assert_eq!(problem.remedy, "did you mean `server.listen`?");
        let problem = only(from_toml("[sever]\n"));
        assert_eq!(problem.setting, "sever");
        assert_eq!(problem.remedy, "did you mean `server`?");
        let problem = only(from_toml("[policy.default]\nmax_age = 3"));
        assert_eq!(problem.setting, "policy.default.max_age");
    }

    #[test]
    fn an_unknown_variable_is_named() {
        let problem = only(from(&[("SIGNALBOX__LIMITS__CODE_LOKC", "3")]));
        assert_eq!(problem.setting, "limits.code_lokc");
        assert!(problem.what.contains("SIGNALBOX__LIMITS__CODE_LOKC"), "{problem}");
        assert_eq!(problem.remedy, "did you mean `limits.code_lock`?");
    }

    #[test]
    fn a_wrong_type_names_its_key_and_not_the_value() {
        let problem = only(from_toml("[tokens]\naccess_ttl = \"an hour\""));
        assert_eq!(problem.setting, "tokens.access_ttl");
        assert!(!problem.to_string().contains("an hour"), "{problem}");
        let problem = only(from_toml("[server]\nlisten = 8080"));
        assert_eq!(problem.setting, "server.listen");
        let problem = only(from(&[("SIGNALBOX__SERVER__LISTEN", "everywhere")]));
        assert_eq!(problem.setting, "server.listen");
        assert!(problem.what.contains("SIGNALBOX__SERVER__LISTEN"), "{problem}");
        let problem = only(from_toml("[tokens]\nalgorithm = \"HS256\""));
        assert_eq!(problem.setting, "tokens.algorithm");
        let problem = only(from_toml("[limits]\ncode_lock = -1"));
        assert_eq!(problem.setting, "limits.code_lock");
    }

    #[test]
    fn every_wrong_key_is_named_at_once() {
        let problems =
            from_toml("[server]\nlisen = 1\n[tokens]\nid_ttl = []\n[nowhere]\n").unwrap_err();
        let settings: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(settings.len(), 3, "{problems:?}");
        for setting in ["server.lisen", "tokens.id_ttl", "nowhere"] {
            assert!(settings.contains(&setting), "{setting} in {settings:?}");
        }
    }

    #[test]
    fn a_broken_file_says_where_and_shows_nothing_of_itself() {
        let problem = only(from_toml("[edge]\ncredential = hunter2"));
        assert!(problem.what.contains("line 2"), "{problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let problem = only(load(Some(Path::new("/nowhere/signalbox.toml")), []));
        assert_eq!(problem.setting, "/nowhere/signalbox.toml");
    }

    #[test]
    fn a_secret_comes_from_a_file_without_its_last_newline() {
        let secret = Scratch::new("sbe_secret\n", 0o600);
        let name = secret.0.to_str().unwrap();
        let config = from(&[("SIGNALBOX__EDGE__CREDENTIAL_FILE", name)]).unwrap();
        assert_eq!(config.edge.credential.as_deref(), Some("sbe_secret"));
    }

    #[test]
    fn a_secret_set_twice_is_refused() {
        let secret = Scratch::new("sbe_secret\n", 0o600);
        let problem = only(from(&[
            ("SIGNALBOX__EDGE__CREDENTIAL", "sbe_other"),
            ("SIGNALBOX__EDGE__CREDENTIAL_FILE", secret.0.to_str().unwrap()),
        ]));
        assert_eq!(problem.setting, "edge.credential");
        assert!(!problem.to_string().contains("sbe_"), "{problem}");
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        for (mode, variable, setting) in [
            (0o644, "SIGNALBOX__EDGE__CREDENTIAL_FILE", "edge.credential"),
            (0o604, "SIGNALBOX__SERVER__SEALING_KEY_FILE", "server.sealing_key"),
        ] {
            let secret = Scratch::new("secret", mode);
            let problem = only(from(&[(variable, secret.0.to_str().unwrap())]));
            assert_eq!(problem.setting, setting);
            assert!(problem.remedy.starts_with("chmod 600 "), "{problem}");
        }
        let file = Scratch::new("[identity]\nurl = \"postgres://a:b@localhost/c\"", 0o644);
        assert_eq!(only(load(Some(&file.0), [])).setting, "identity.url");
        let file = Scratch::new("[identity]\nurl = \"postgres://a@localhost/c\"", 0o644);
        assert!(load(Some(&file.0), []).is_ok());
    }

    #[test]
    fn what_is_no_secret_is_not_read_from_a_file() {
        let problem = only(from(&[("SIGNALBOX__SERVER__LISTEN_FILE", "/etc/hostname")]));
        assert_eq!(problem.setting, "server.listen_file");
    }

    #[test]
    fn a_file_of_a_secret_that_is_not_there_is_named() {
        let problem = only(from(&[("SIGNALBOX__MAIL__URL_FILE", "/nowhere/mail")]));
        assert_eq!(problem.setting, "mail.url");
        assert!(problem.remedy.contains("SIGNALBOX__MAIL__URL_FILE"), "{problem}");
    }
}
