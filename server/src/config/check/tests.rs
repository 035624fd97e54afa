use super::*;

fn settings(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let mut config = Config::default();
    change(&mut config);
    judge(&config, Part::Server).into_iter().map(|problem| problem.setting).collect()
}

#[test]
fn the_defaults_are_sound() {
    assert!(settings(|_| {}).is_empty());
}

#[test]
fn a_plain_http_issuer_is_for_loopback_alone() {
    let with = |url: &str| settings(|config| config.server.public_url = Some(url.parse().unwrap()));
    for local in ["http://localhost:8080", "http://127.0.0.1", "http://a.localhost", "http://[::1]"]
    {
        assert!(with(local).is_empty(), "{local}");
    }
    assert_eq!(with("http://localhost.example.com"), ["server.public_url", "mail.url"]);
    assert_eq!(with("http://192.0.2.1"), ["server.public_url", "mail.url"]);
    assert_eq!(with("https://login.example.com"), ["mail.url"]);
}

#[test]
fn an_issuer_is_scheme_host_and_port_alone() {
    for url in [
        "http://localhost/auth",
        "http://localhost?a=b",
        "http://localhost/#a",
        "http://ada:pw@localhost",
    ] {
        let found = settings(|config| config.server.public_url = Some(url.parse().unwrap()));
        assert_eq!(found, ["server.public_url"], "{url}");
    }
}

#[test]
fn an_open_address_needs_a_public_name_and_a_mail_server() {
    let open = |config: &mut Config| config.server.listen = "0.0.0.0:8080".parse().unwrap();
    assert_eq!(settings(open), ["server.public_url", "mail.url"]);
    let found = settings(|config| {
        open(config);
        config.server.public_url = Some("https://login.example.com".parse().unwrap());
        config.mail.url = "smtps://mail.example.com".into();
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_container_whose_port_is_published_on_loopback_says_so() {
    let with = |url: &str| {
        settings(|config| {
            config.server.listen = "0.0.0.0:8080".parse().unwrap();
            config.server.public_url = Some(url.parse().unwrap());
            config.server.published_on_loopback = true;
        })
    };
    // Mail is still somebody's to deliver, and another name than loopback's is no excuse.
    assert_eq!(with("http://localhost:8080"), ["mail.url"]);
    assert_eq!(with("http://192.0.2.1:8080"), ["server.public_url", "mail.url"]);
}

#[test]
fn mail_crosses_a_network_in_ciphertext_alone() {
    let with = |url: &str| settings(|config| config.mail.url = url.into());
    for plain in [
        "smtp://mail.example.com",
        "smtp://mail.example.com:587?tls=opportunistic",
        "smtp://mail.example.com:587?tls=opportunistic&tls=required",
    ] {
        assert_eq!(with(plain), ["mail.url"], "{plain}");
    }
    for sound in [
        "smtp://localhost:25",
        "smtp://127.0.0.1:1025",
        "smtp://mail.example.com:587?tls=required",
        "smtps://mail.example.com",
    ] {
        assert!(with(sound).is_empty(), "{sound}");
    }
}

#[test]
fn a_gateway_for_sms_is_reached_in_ciphertext_and_described_in_whole() {
    assert_eq!(settings(|config| config.sms.url = "http://10.1.2.3/send".into()), ["sms.url"]);
    let found = settings(|config| {
        config.sms.url = "https://10.1.2.3/send".into();
        config.sms.body = "to={to}".into();
    });
    assert_eq!(found, ["sms.body", "sms.body"]);
    assert_eq!(settings(|config| config.limits.sms_daily = 100_001), ["limits.sms_daily"]);
}

#[test]
fn a_password_in_an_address_is_neither_short_nor_a_default() {
    for weak in ["postgres", "app", "short77"] {
        let found = settings(|config| {
            config.server.sealing_key = Some("pKxnTf0xAvhQcNc1lMsiMg3nyAvcYm1-eHNQcTLgRsk".into());
            config.identity.url = format!("postgres://app:{weak}@db.example.com/signalbox");
            config.sessions.url = format!("redis://app:{weak}@redis.example.com");
        });
        assert_eq!(found, ["identity.url", "sessions.url"], "{weak}");
    }
    let found = settings(|config| {
        config.sessions.url = "rediss://:8sJ2kd0Q4f@redis.example.com".into();
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nobody_believes_every_proxy() {
    for wildcard in ["0.0.0.0/0", "::/0"] {
        let network: IpNet = wildcard.parse().unwrap();
        assert_eq!(
            settings(|config| config.server.trusted_proxies = vec![network]),
            ["server.trusted_proxies"]
        );
        assert_eq!(
            settings(|config| config.edge.trusted_proxies = vec![network]),
            ["edge.trusted_proxies"]
        );
    }
}

#[test]
fn a_sealing_key_is_32_bytes_that_nobody_else_chose() {
    let with = |key: &str| settings(|config| config.server.sealing_key = Some(key.into()));
    for weak in [
        "",
        "changeme",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
        "AAAA",
    ] {
        assert_eq!(with(weak), ["server.sealing_key"], "{weak}");
    }
    assert!(with("pKxnTf0xAvhQcNc1lMsiMg3nyAvcYm1-eHNQcTLgRsk").is_empty());
}

#[test]
fn replicas_are_told_to_share_a_sealing_key() {
    let found =
        settings(|config| config.identity.url = "postgres://db.example.com/signalbox".into());
    assert_eq!(found, ["server.sealing_key"]);
}

#[test]
fn the_credential_of_an_edge_is_one() {
    assert_eq!(
        settings(|config| config.edge.credential = Some("secret".into())),
        ["edge.credential"]
    );
    let refresh = OpaqueToken::new(TokenKind::Mfa, &[], [7; 32]);
    assert_eq!(
        settings(|config| config.edge.credential = Some(refresh.as_str().into())),
        ["edge.credential"]
    );
}

#[test]
fn an_edge_alone_needs_a_server_and_a_credential() {
    let problems = judge(&Config::default(), Part::Edge);
    let found: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(found, ["edge.credential", "edge.server_url"]);
}

#[test]
fn stores_and_mail_have_addresses_of_their_kind() {
    assert_eq!(settings(|config| config.sessions.url = "localhost:6379".into()), ["sessions.url"]);
    assert_eq!(
        settings(|config| config.sessions.url = "redis://a:1,http://b".into()),
        ["sessions.url"]
    );
    assert_eq!(settings(|config| config.mail.url = "http://mail.example.com".into()), ["mail.url"]);
    let found = settings(|config| config.identity.url = "mysql://localhost/a".into());
    assert_eq!(found, ["server.sealing_key", "identity.url"]);
}

#[test]
fn lifetimes_fit_into_one_another() {
    assert_eq!(settings(|config| config.tokens.login_ttl = 601), ["tokens.login_ttl"]);
    for life in [3599, 366 * 24 * 3600] {
        let found = settings(|config| config.tokens.api_key_ttl = life);
        assert_eq!(found, ["tokens.api_key_ttl"]);
    }
    assert_eq!(settings(|config| config.tokens.access_ttl = 0), ["tokens.access_ttl"]);
    assert_eq!(settings(|config| config.tokens.key_lead = 334), ["tokens.key_lead"]);
    assert_eq!(settings(|config| config.tokens.key_lead = 335), [] as [&str; 0]);
    for (rotation, wrong) in [(0, false), (1, true), (4259, true), (4260, false)] {
        let found = settings(|config| config.tokens.key_rotation = rotation);
        assert_eq!(!found.is_empty(), wrong, "{rotation}: {found:?}");
    }
    assert_eq!(
        settings(|config| config.tokens.refresh_ttl = 31 * 24 * 3600),
        ["tokens.refresh_ttl"]
    );
    assert_eq!(
        settings(|config| config.tokens.short_session_ttl = 31 * 24 * 3600),
        ["tokens.short_session_ttl"]
    );
}

#[test]
fn limits_and_password_rules_stay_within_the_contract() {
    assert_eq!(
        settings(|config| config.limits.password_per_account = 11),
        ["limits.password_per_account"]
    );
    assert_eq!(settings(|config| config.limits.code_per_factor = 11), ["limits.code_per_factor"]);
    assert_eq!(settings(|config| config.limits.code_lock = 101), ["limits.code_lock"]);
    for most in [0, 101] {
        let found = settings(|config| config.limits.api_keys_per_person = most);
        assert_eq!(found, ["limits.api_keys_per_person"]);
    }
    assert_eq!(
        settings(|config| config.policy.recovery_delay = 604_801),
        ["policy.recovery_delay"]
    );
    assert_eq!(settings(|config| config.limits.mail_per_address = 0), ["limits.mail_per_address"]);
    assert_eq!(settings(|config| config.password.memory_kib = 1024), ["password.memory_kib"]);
    assert_eq!(settings(|config| config.password.iterations = 1), ["password.iterations"]);
    assert_eq!(settings(|config| config.password.min_length = 7), ["password.min_length"]);
    assert_eq!(settings(|config| config.password.max_length = 129), ["password.max_length"]);
}

#[test]
fn server_and_edge_do_not_share_a_port() {
    assert_eq!(
        settings(|config| config.edge.listen = "127.0.0.1:8080".parse().unwrap()),
        ["edge.listen"]
    );
    assert_eq!(
        settings(|config| config.edge.admin_listen = Some("127.0.0.1:8000".parse().unwrap())),
        ["edge.admin_listen"]
    );
}

#[test]
fn no_setting_opens_every_network_to_whoever_registers_a_client() {
    for network in ["0.0.0.0/0", "::/0"] {
        let allow = network.parse().unwrap();
        let found = settings(|config| config.outgoing.allow_private = vec![allow]);
        assert_eq!(found, ["outgoing.allow_private"], "{network}");
    }
    let found = settings(|config| config.outgoing.extra_ca = vec!["/nowhere/ca.pem".into()]);
    assert_eq!(found, ["outgoing.extra_ca"]);
}

#[test]
fn traces_are_asked_of_a_build_that_sends_them() {
    let found = settings(|config| {
        config.telemetry.otlp_url = Some("http://127.0.0.1:4318/v1/traces".parse().unwrap());
        config.telemetry.sample_ratio = 0.5;
    });
    let refused = ["telemetry.otlp_url", "telemetry.sample_ratio"];
    assert_eq!(found, if cfg!(feature = "otel") { &[][..] } else { &refused[..] });
    let found = settings(|config| config.telemetry.sample_ratio = 1.5);
    assert!(found.contains(&"telemetry.sample_ratio".to_owned()), "{found:?}");
}

#[test]
fn a_host_belongs_to_one_site() {
    let found = settings(|config| {
        let site = |key: &str| jwks::site::Site {
            site_key: key.into(),
            name: String::new(),
            base_url: "http://app.localhost".into(),
            hosts: vec!["app.localhost".into()],
            upstreams: vec!["http://127.0.0.1:3000".into()],
            status: jwks::site::SiteStatus::Active,
            branding: jwks::site::Branding::default(),
            policy: jwks::policy::Policy::default(),
            version: 0,
            forwarding: jwks::forwarding::Forwarding::default(),
            forward_credentials: false,
        };
        config.sites = vec![site("one"), site("two")];
    });
    assert_eq!(found, ["sites.two"]);
}
