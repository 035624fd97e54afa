//! The command line: what may be typed, and what it asks for.

use std::{
    fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};
use jwks::{
    Algorithm,
    forwarding::Forwarding,
    policy::{Policy, Require},
    site::{Branding, SiteStatus},
};
use serde_json::{Map, Value, json};
use server::{
    admin::{AdminCommand, NewInvitation, NewUser, SiteDraft, ignored_members},
    config::Config,
    logs::LogFormat,
};
use url::Url;

use crate::Failure;

/// Signalbox: a token server, and an edge that lets nobody through without its token.
#[derive(Parser)]
#[command(
    name = "signalbox",
    version,
    after_help = "Example:\n  signalbox up\n\nEvery command explains itself: signalbox COMMAND --help"
)]
pub struct Cli {
    /// What is the same for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Args)]
pub struct Global {
    /// The settings file [default: signalbox.toml, if present]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder
    #[arg(long, global = true, value_name = "DIR", default_value = "./signalbox-data")]
    pub data: PathBuf,
    /// How the log on standard error looks
    #[arg(long, global = true, value_enum, default_value = "pretty")]
    pub log: LogFormat,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Start server, edge and demo site in one process
    #[command(
        after_help = "Example:\n  signalbox up --listen 127.0.0.1:9080 --edge-listen 127.0.0.1:9000"
    )]
    Up(Addresses),
    /// Start the server alone
    #[command(after_help = "Example:\n  signalbox serve --config /etc/signalbox.toml --log json")]
    Serve(ServerAddresses),
    /// Start the edge alone
    #[command(
        after_help = "Example:\n  SIGNALBOX__EDGE__SERVER_URL=https://login.example.com \\\n  SIGNALBOX__EDGE__CREDENTIAL_FILE=/run/secrets/edge signalbox edge"
    )]
    Edge(EdgeAddress),
    /// Bring the stores to this version; start does it too
    #[command(after_help = "Example:\n  signalbox migrate --config /etc/signalbox.toml")]
    Migrate,
    /// Judge the settings: prints ok, or everything that is wrong
    #[command(after_help = "Example:\n  signalbox check-config --config /etc/signalbox.toml")]
    CheckConfig,
    /// Say in plain words what is missing for production; exit status 1 where anything is
    #[command(after_help = "Example:\n  signalbox doctor --config /etc/signalbox.toml")]
    Doctor,
    /// The settings
    #[command(subcommand, name = "config", after_help = "Example:\n  signalbox config reference")]
    Settings(Settings),
    /// Make accounts, clients, sites and edges; works on a running system too
    #[command(subcommand, after_help = "Example:\n  signalbox admin setup-link")]
    Admin(Admin),
    /// Put an app behind the edge: makes its site, and prints what to open
    #[command(
        after_help = "Examples:\n  signalbox protect http://127.0.0.1:3000 --host wiki.localhost --require 2fa\n  signalbox protect http://127.0.0.1:3000 --host wiki.example.com\n\nA host of this machine (localhost, *.localhost, 127.0.0.1) is reached at the edge's own port, any\nother at https://HOST: set edge.tls_listen and edge.certificates, or have a proxy before the edge\nend TLS. docs/guides/protect.md walks through both."
    )]
    Protect(Protect),
    /// Say why a request was refused, and what would have passed
    #[command(after_help = "Example:\n  signalbox explain d_abcdefghijkl")]
    Explain {
        /// What stood in X-Signalbox-Decision, or on the page
        id: String,
    },
    /// Signing keys
    #[command(subcommand, after_help = "Example:\n  signalbox keys list")]
    Keys(Keys),
    /// Certificates
    #[command(subcommand, after_help = "Example:\n  signalbox tls local")]
    Tls(Tls),
    /// Print every address the server answers, and the credential it asks for there
    #[command(after_help = "Example:\n  signalbox routes")]
    Routes,
    /// Start the demo site alone: it shows what reaches it
    #[command(after_help = "Example:\n  signalbox demo --listen 127.0.0.1:3000")]
    Demo {
        /// Address and port to listen on
        #[arg(long, value_name = "ADDR")]
        listen: SocketAddr,
    },
    /// Print the current code of a TOTP secret, for tours and scripts
    #[command(after_help = "Example:\n  signalbox totp JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    Totp {
        /// The secret, base32
        secret: String,
        /// At this instant instead of now: seconds since 1970, or RFC 3339
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// The code after that one: each is good once, and one step early it counts already
        #[arg(long)]
        next: bool,
    },
}

/// `signalbox tls …`
#[derive(Subcommand)]
pub enum Tls {
    /// Make an authority for this machine, and a certificate for the hosts of all sites
    #[command(
        after_help = "Examples:\n  signalbox tls local\n  signalbox tls local --host wiki.localhost --host '*.intranet.example'\n\nThe authority is made once, in the data folder; each call issues a new certificate, which a\nrunning edge takes over by itself."
    )]
    Local {
        /// One more host; may be given again
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
    },
}

/// Where server and edge listen.
#[derive(Args)]
pub struct Addresses {
    /// The server's.
    #[command(flatten)]
    pub server: ServerAddresses,
    /// The edge's.
    #[command(flatten)]
    pub edge: EdgeAddress,
}

/// Where the server listens, and how people call it.
#[derive(Args)]
pub struct ServerAddresses {
    /// Address and port of the server [default: server.listen, 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where people and clients reach the server [default: server.public_url, http://localhost:PORT]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<Url>,
}

/// Where the edge listens.
#[derive(Args)]
pub struct EdgeAddress {
    /// Address and port of the edge [default: edge.listen, 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    pub edge_listen: Option<SocketAddr>,
}

/// `signalbox config …`
#[derive(Subcommand)]
pub enum Settings {
    /// Print every setting with its meaning, type and default, as Markdown
    #[command(after_help = "Example:\n  signalbox config reference > docs/reference/config.md")]
    Reference,
}

/// `signalbox admin …`
#[derive(Subcommand)]
pub enum Admin {
    /// Print a one-time link with which the first admin is made
    #[command(after_help = "Example:\n  signalbox admin setup-link")]
    SetupLink,
    /// Make an account
    #[command(
        after_help = "Example:\n  echo 'correct horse battery' | signalbox admin create-user --email ada@example.com --name Ada --password-stdin --active"
    )]
    CreateUser(CreateUser),
    /// Print a one-time link for somebody who has lost every second factor, and tell them by mail
    #[command(after_help = "Example:\n  signalbox admin recovery-link --email ada@example.com")]
    RecoveryLink {
        /// Their mail address
        #[arg(long)]
        email: String,
    },
    /// Open an account that its owner has blocked; its password stays what it was
    #[command(after_help = "Example:\n  signalbox admin unblock --email ada@example.com")]
    Unblock {
        /// Its mail address
        #[arg(long)]
        email: String,
    },
    /// Trust no device of an account any more, and end the sessions that rest on one
    #[command(after_help = "Example:\n  signalbox admin revoke-devices --email ada@example.com")]
    RevokeDevices {
        /// Its mail address
        #[arg(long)]
        email: String,
    },
    /// Put a site behind the edge
    #[command(
        after_help = "Example:\n  signalbox admin create-site --site-key wiki --host wiki.localhost --upstream http://127.0.0.1:3000 --require 2fa"
    )]
    CreateSite(CreateSite),
    /// List the sites
    #[command(after_help = "Example:\n  signalbox admin list-sites")]
    ListSites,
    /// Register an edge and print its credential
    #[command(after_help = "Example:\n  signalbox admin create-edge --name edge-1")]
    CreateEdge {
        /// Its name
        #[arg(long)]
        name: String,
    },
    /// Remove an edge: its credential, its feed and its keys are good no more
    #[command(after_help = "Example:\n  signalbox admin remove-edge --name edge-1")]
    RemoveEdge {
        /// Its name
        #[arg(long)]
        name: String,
    },
    /// Make a tenant
    #[command(
        after_help = "Example:\n  signalbox admin create-tenant --id acme --name 'Acme Ltd.'"
    )]
    CreateTenant {
        /// Its name for programs: a-z, 0-9 and -
        #[arg(long)]
        id: String,
        /// Its name for people
        #[arg(long)]
        name: String,
    },
    /// List the tenants
    #[command(after_help = "Example:\n  signalbox admin list-tenants")]
    ListTenants,
    /// Register an OAuth client, and print it with its secret
    #[command(
        after_help = "Examples:\n  signalbox admin create-client --name Wiki --redirect-uri https://wiki.example.com/cb\n  signalbox admin create-client --from-json client.json\n\nThe file holds metadata of RFC 7591, and may hold first_party, audiences, require_pkce,\nrequire_issuer_audience (false: assertions may name the token endpoint as their audience),\naccess_token_ttl, id_token_ttl, refresh_token_ttl, client_id and client_secret.\n\nExample:\n  {\"client_name\": \"Wiki\", \"redirect_uris\": [\"https://wiki.example.com/cb\"], \"first_party\": true}"
    )]
    CreateClient(CreateClient),
    /// List the OAuth clients
    #[command(after_help = "Example:\n  signalbox admin list-clients")]
    ListClients,
    /// Remove an OAuth client, and end whatever was issued to it
    #[command(after_help = "Example:\n  signalbox admin remove-client --client-id wiki")]
    RemoveClient {
        /// Its name for programs
        #[arg(long, value_name = "ID")]
        client_id: String,
    },
    /// Print a token with which OAuth clients register themselves
    #[command(
        after_help = "Example:\n  signalbox admin create-initial-access-token --name partners --days 7"
    )]
    CreateInitialAccessToken {
        /// Its name for people
        #[arg(long)]
        name: String,
        /// How long it is good
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// Invite somebody: prints a link that is good once for three days, and mails it
    #[command(
        after_help = "Example:\n  signalbox admin invite --email ada@example.com --tenant acme --role clerk"
    )]
    Invite(Invite),
}

/// `signalbox admin create-client`
#[derive(Args)]
pub struct CreateClient {
    /// The whole client as JSON
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "client_id",
            "name",
            "redirect_uris",
            "post_logout_redirect_uris",
            "public",
            "native",
            "grants",
            "scopes",
            "first_party",
            "audiences",
        ]
    )]
    from_json: Option<PathBuf>,
    /// Its name for programs [default: a new one]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Its name for people
    #[arg(long, required_unless_present = "from_json")]
    name: Option<String>,
    /// Where answers may go; may be given again
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where people may be sent after signing out; may be given again
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// It cannot keep a secret: an app, or a page in a browser
    #[arg(long)]
    public: bool,
    /// An app on somebody's machine: loopback addresses with any port, or a scheme of its own
    #[arg(long)]
    native: bool,
    /// A grant it may use; may be given again [default: authorization_code and refresh_token]
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<String>,
    /// A scope it may ask for; may be given again [default: those of OpenID Connect]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// It is your own: nobody is asked for consent
    #[arg(long)]
    first_party: bool,
    /// An audience of its access tokens; may be given again
    #[arg(long = "audience", value_name = "URI")]
    audiences: Vec<String>,
}

/// `signalbox admin invite`
#[derive(Args)]
pub struct Invite {
    /// Mail address
    #[arg(long)]
    email: String,
    /// Into which tenant [default: default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A role there; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Whole name, which the person may change
    #[arg(long)]
    name: Option<String>,
}

/// `signalbox admin create-user`
#[derive(Args)]
pub struct CreateUser {
    /// Mail address
    #[arg(long)]
    email: String,
    /// Whole name
    #[arg(long)]
    name: Option<String>,
    /// User name to sign in with, beside the address
    #[arg(long)]
    username: Option<String>,
    /// A role; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The tenant they are at home in, if it is not the default one
    #[arg(long)]
    tenant: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Take the address as proved, so that the person may sign in at once
    #[arg(long)]
    active: bool,
    /// A JSON object of standard claims (OpenID Connect Core section 5.1)
    #[arg(long, value_name = "FILE")]
    claims_json: Option<PathBuf>,
}

/// `signalbox admin create-site`
#[derive(Args)]
pub struct CreateSite {
    /// The whole site as JSON, with every field of its policy
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "site_key",
            "hosts",
            "upstreams",
            "require",
            "name",
            "base_url",
            "first_party",
            "forward_credentials",
        ]
    )]
    from_json: Option<PathBuf>,
    /// Its name for programs
    #[arg(long, required_unless_present = "from_json")]
    site_key: Option<String>,
    /// A host it answers to; may be given again
    #[arg(long = "host", value_name = "HOST", required_unless_present = "from_json")]
    hosts: Vec<String>,
    /// Where its requests go, http://host:port (or https, or h2c); may be given again
    #[arg(long = "upstream", value_name = "URL", required_unless_present = "from_json")]
    upstreams: Vec<String>,
    /// public, signed_in, 2fa or phishing_resistant
    #[arg(long, default_value = "2fa")]
    require: Require,
    /// Its name for people
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Where people reach it [default: https://HOST; for hosts of this machine the edge's own port]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Accept tokens whose audience is the server itself
    #[arg(long)]
    first_party: bool,
    /// Pass the caller's own Authorization on
    #[arg(long)]
    forward_credentials: bool,
}

/// `signalbox protect`
#[derive(Args)]
pub struct Protect {
    /// Where the app answers, http://host:port
    #[arg(value_name = "URL")]
    upstream: String,
    /// The host it is to be reached at
    #[arg(long)]
    host: String,
    /// public, signed_in, 2fa or phishing_resistant
    #[arg(long, default_value = "2fa")]
    require: Require,
    /// Its name for people [default: the host]
    #[arg(long)]
    name: Option<String>,
    /// Its name for programs [default: made of the host]
    #[arg(long)]
    site_key: Option<String>,
    /// Where people reach it [default: https://HOST; for hosts of this machine the edge's own port]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

impl Protect {
    /// What it asks for.
    pub fn into_command(self) -> AdminCommand {
        let site_key = self.site_key.unwrap_or_else(|| key_of(&self.host));
        AdminCommand::Protect(Box::new(SiteDraft {
            site_key,
            name: self.name.unwrap_or_else(|| self.host.clone()),
            base_url: self.base_url,
            hosts: vec![self.host],
            upstreams: vec![self.upstream.trim_end_matches('/').to_owned()],
            status: SiteStatus::Active,
            branding: Branding::default(),
            policy: Policy { require: self.require, ..Policy::default() },
            forwarding: Forwarding::default(),
            forward_credentials: false,
        }))
    }
}

/// A key for the site of a host: `wiki.example.com` is `wiki-example-com`.
fn key_of(host: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let key: String = host.chars().map(plain).take(64).collect();
    key.trim_matches('-').to_owned()
}

/// `signalbox keys …`
#[derive(Subcommand)]
pub enum Keys {
    /// List the signing keys that are not expired
    #[command(after_help = "Example:\n  signalbox keys list")]
    List,
    /// Publish a new signing key, which takes over after tokens.key_lead
    #[command(after_help = "Example:\n  signalbox keys rotate --algorithm RS256")]
    Rotate {
        /// ES256, EdDSA, RS256 or PS256 [default: tokens.algorithm]
        #[arg(long)]
        algorithm: Option<Algorithm>,
    },
}

impl ServerAddresses {
    /// Lets the flags overrule the settings.
    pub fn apply(&self, config: &mut Config) {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(url) = &self.public_url {
            config.server.public_url = Some(url.clone());
        }
    }
}

impl EdgeAddress {
    /// Lets the flag overrule the settings.
    pub const fn apply(&self, config: &mut Config) {
        if let Some(listen) = self.edge_listen {
            config.edge.listen = listen;
        }
    }
}

impl Admin {
    /// What it asks for. Reads the files and the password it names.
    ///
    /// # Errors
    /// Names the argument that cannot be read.
    pub fn into_command(self) -> Result<AdminCommand, Failure> {
        Ok(match self {
            Self::SetupLink => AdminCommand::SetupLink,
            Self::CreateUser(arguments) => {
                AdminCommand::CreateUser(Box::new(arguments.into_user()?))
            }
            Self::RecoveryLink { email } => AdminCommand::RecoveryLink { email },
            Self::Unblock { email } => AdminCommand::Unblock { email },
            Self::RevokeDevices { email } => AdminCommand::RevokeDevices { email },
            Self::CreateSite(arguments) => {
                AdminCommand::CreateSite(Box::new(arguments.into_draft()?))
            }
            Self::ListSites => AdminCommand::ListSites,
            Self::CreateEdge { name } => AdminCommand::CreateEdge { name },
            Self::RemoveEdge { name } => AdminCommand::RemoveEdge { name },
            Self::CreateTenant { id, name } => AdminCommand::CreateTenant { id, name },
            Self::ListTenants => AdminCommand::ListTenants,
            Self::CreateClient(arguments) => {
                let by_flags = arguments.from_json.is_none();
                AdminCommand::CreateClient { members: arguments.into_members()?, by_flags }
            }
            Self::ListClients => AdminCommand::ListClients,
            Self::RemoveClient { client_id } => AdminCommand::RemoveClient { client_id },
            Self::CreateInitialAccessToken { name, days } => {
                AdminCommand::CreateInitialAccess { name, days }
            }
            Self::Invite(Invite { email, tenant, roles, name }) => {
                AdminCommand::Invite(Box::new(NewInvitation { email, tenant, roles, name }))
            }
        })
    }
}

impl Keys {
    /// What it asks for.
    pub const fn into_command(self) -> AdminCommand {
        match self {
            Self::List => AdminCommand::ListKeys,
            Self::Rotate { algorithm } => AdminCommand::RotateKey { algorithm },
        }
    }
}

impl CreateUser {
    fn into_user(self) -> Result<NewUser, Failure> {
        let claims = match &self.claims_json {
            Some(file) => read_json("--claims-json", file)?,
            None => serde_json::Map::new(),
        };
        Ok(NewUser {
            email: self.email,
            username: self.username,
            name: self.name,
            roles: self.roles,
            tenant: self.tenant,
            password: if self.password_stdin { Some(read_password()?) } else { None },
            active: self.active,
            claims,
        })
    }
}

impl CreateSite {
    fn into_draft(self) -> Result<SiteDraft, Failure> {
        if let Some(file) = &self.from_json {
            return read_json("--from-json", file);
        }
        Ok(SiteDraft {
            site_key: self.site_key.unwrap_or_default(),
            name: self.name,
            base_url: self.base_url,
            hosts: self.hosts,
            upstreams: self.upstreams,
            status: SiteStatus::Active,
            branding: Branding::default(),
            policy: Policy {
                require: self.require,
                first_party: self.first_party,
                ..Policy::default()
            },
            forwarding: Forwarding::default(),
            forward_credentials: self.forward_credentials,
        })
    }
}

impl CreateClient {
    /// The members that the file or the flags describe.
    fn into_members(self) -> Result<Map<String, Value>, Failure> {
        if let Some(file) = &self.from_json {
            let members: Map<String, Value> = read_json("--from-json", file)?;
            for member in ignored_members(&members) {
                tracing::warn!(member, "--from-json: no client has such a member; it is ignored");
            }
            return Ok(members);
        }
        let grants = match &self.grants[..] {
            [] => vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            _ => self.grants,
        };
        let members = json!({
            "client_id": self.client_id,
            "client_name": self.name,
            "redirect_uris": self.redirect_uris,
            "post_logout_redirect_uris": self.post_logout_redirect_uris,
            "token_endpoint_auth_method": self.public.then_some("none"),
            "application_type": self.native.then_some("native"),
            "grant_types": grants,
            "scope": self.scopes.join(" "),
            "first_party": self.first_party,
            "audiences": self.audiences,
        });
        Ok(members.as_object().cloned().unwrap_or_default())
    }
}

fn read_json<T: serde::de::DeserializeOwned>(argument: &str, file: &Path) -> Result<T, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!(
            "{argument}: {}: {error} (name a file that can be read)",
            file.display()
        ))
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{argument}: {}: {error} (correct the file)", file.display()))
    })
}

/// The password of standard input: its first line, which is all there may be.
fn read_password() -> Result<String, Failure> {
    /// Far more than any rule allows.
    const LIMIT: u64 = 64 * 1024;
    let wrong = |what: String| Failure::usage(format!("--password-stdin: {what}"));
    let mut text = String::new();
    std::io::stdin()
        .take(LIMIT)
        .read_to_string(&mut text)
        .map_err(|error| wrong(format!("{error} (give the password in UTF-8)")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(wrong("nothing was read (pipe the password in)".into()));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_gives_an_example() {
        fn judge(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
            command.get_subcommands().for_each(judge);
        }
        let command = Cli::command();
        command.clone().debug_assert();
        judge(&command);
    }

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
    }

    #[test]
    fn a_site_is_described_by_flags_or_by_a_file_and_not_by_both() {
        assert!(parse("signalbox admin create-site --site-key a --host a.localhost --upstream http://127.0.0.1:1 --first-party").is_ok());
        assert!(parse("signalbox admin create-site --from-json site.json").is_ok());
        assert!(parse("signalbox admin create-site --from-json site.json --data /d").is_ok());
        assert!(parse("signalbox admin create-site --from-json site.json --site-key a").is_err());
        assert!(parse("signalbox admin create-site --site-key a --host a.localhost").is_err());
        assert!(
            parse("signalbox admin create-site --site-key a --host a --upstream b --require 3fa")
                .is_err()
        );
    }

    #[test]
    fn an_app_is_protected_by_its_address_and_a_host() {
        let Ok(Command::Protect(protect)) =
            parse("signalbox protect http://127.0.0.1:3000/ --host Wiki.example.com")
        else {
            panic!("not understood");
        };
        let AdminCommand::Protect(draft) = protect.into_command() else {
            panic!("another command");
        };
        assert_eq!(draft.site_key, "wiki-example-com");
        assert_eq!(draft.upstreams, ["http://127.0.0.1:3000"]);
        assert_eq!(draft.policy.require, Require::TwoFactor);
        assert!(parse("signalbox protect http://127.0.0.1:3000").is_err());
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        for line in ["signalbox --data /d keys list", "signalbox keys list --data /d"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.data, Path::new("/d"));
        }
    }
}
