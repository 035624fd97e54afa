//! Wrong settings stop the start, and name themselves.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use tests::{command::run, world::variable};

const SEALING_KEY: &str = "pKxnTf0xAvhQcNc1lMsiMg3nyAvcYm1-eHNQcTLgRsk";

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("signalbox-settings-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    fn data(&self) -> String {
        self.0.join("data").display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// With these settings neither `check-config` nor a start goes well, and both name `named`.
#[track_caller]
fn refused(folder: &Folder, settings: &[(&str, &str)], named: &str) {
    let env: Vec<_> =
        settings.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect();
    for command in [&["check-config"][..], &["serve", "--listen", "127.0.0.1:0"], &["up"]] {
        let listen = settings.iter().any(|(name, _)| *name == "server.listen");
        if listen && command.len() > 1 {
            continue;
        }
        let ran = run(&[command, &["--data", &folder.data()]].concat(), &env, "");
        assert_eq!(ran.code, 2, "{command:?} with {settings:?}: {ran:?}");
        assert!(ran.err.contains(named), "{command:?} with {settings:?}: {ran:?}");
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_a_suggestion() {
    let folder = Folder::new("unknown");
    for (setting, meant) in [
        ("server.lisen", "listen"),
        ("limits.password_per_acount", "password_per_account"),
        ("tokens.acces_ttl", "access_ttl"),
    ] {
        refused(&folder, &[(setting, "1")], meant);
    }
    let file = folder.file("a.toml", "[server]\nlisten = \"127.0.0.1:0\"\n[sever]\nx = 1\n", 0o600);
    let ran = run(&["check-config", "--config", &file, "--data", &folder.data()], &[], "");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("sever") && ran.err.contains("server"), "{ran:?}");
}

#[test]
fn every_wrong_setting_is_named_at_once() {
    let folder = Folder::new("several");
    let settings = [("limits.code_lock", "101"), ("tokens.login_ttl", "9999"), ("mail.url", "x")];
    for (setting, _) in settings {
        refused(&folder, &settings, setting);
    }
}

#[test]
fn values_of_the_wrong_type_and_files_that_are_none_are_named() {
    let folder = Folder::new("types");
    refused(&folder, &[("tokens.access_ttl", "soon")], "access_ttl");
    refused(&folder, &[("server.listen", "everywhere")], "server.listen");
    for text in ["[server", "server = 1", "\0"] {
        let file = folder.file("broken.toml", text, 0o600);
        let ran = run(&["check-config", "--config", &file, "--data", &folder.data()], &[], "");
        assert_eq!(ran.code, 2, "{text:?}: {ran:?}");
    }
    let missing = folder.0.join("missing.toml").display().to_string();
    let ran = run(&["check-config", "--config", &missing, "--data", &folder.data()], &[], "");
    assert!(ran.code == 2 && ran.err.contains("missing.toml"), "{ran:?}");
}

#[test]
fn what_everybody_may_read_is_no_secret() {
    let folder = Folder::new("readers");
    let open = format!("[server]\nsealing_key = \"{SEALING_KEY}\"\n");
    let args = |file: &str| ["check-config", "--config", file, "--data"].map(str::to_owned);
    for (mode, code) in [(0o644, 2), (0o600, 0)] {
        let file = folder.file("secret.toml", &open, mode);
        let mut args = args(&file).to_vec();
        args.push(folder.data());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = run(&args, &[], "");
        assert_eq!(ran.code, code, "{mode:o}: {ran:?}");
        assert!(!ran.err.contains(SEALING_KEY), "{ran:?}");
        assert!(code == 0 || ran.err.contains("server.sealing_key"), "{ran:?}");
    }
    for (mode, code) in [(0o644, 2), (0o600, 0)] {
        let file = folder.file("key", SEALING_KEY, mode);
        let env = [("SIGNALBOX__SERVER__SEALING_KEY_FILE".to_owned(), file)];
        let ran = run(&["check-config", "--data", &folder.data()], &env, "");
        assert_eq!(ran.code, code, "{mode:o}: {ran:?}");
    }
    let data = folder.0.join("data-of-everybody");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()], &[], "");
    assert!(ran.code == 2 && ran.err.contains("--data"), "{ran:?}");
}

#[test]
fn sound_settings_are_called_so() {
    let folder = Folder::new("sound");
    let file = folder.file(
        "sound.toml",
        "[server]\nlisten = \"127.0.0.1:9080\"\n[tokens]\nalgorithm = \"EdDSA\"\n\
         [[sites]]\nsite_key = \"wiki\"\nbase_url = \"http://wiki.localhost:8000\"\n\
         hosts = [\"wiki.localhost\"]\nupstreams = [\"http://127.0.0.1:3000\"]\n\
         [sites.policy]\nrequire = \"signed_in\"\n",
        0o644,
    );
    let ran = run(&["check-config", "--config", &file, "--data", &folder.data()], &[], "");
    assert_eq!((ran.code, ran.out.trim()), (0, "ok"), "{ran:?}");
}
