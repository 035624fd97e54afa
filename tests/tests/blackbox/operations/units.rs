//! The units for systemd.

use std::{fs, path::Path, process::Command};

use tests::command::{binary, run};

#[test]
fn the_units_are_sound_to_systemd() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    let dir = std::env::temp_dir().join(format!("signalbox-units-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    for name in ["signalbox-server.service", "signalbox-edge.service"] {
        let text = fs::read_to_string(here.join(name)).unwrap();
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let line: Vec<&str> = start.split(' ').collect();
        assert_eq!(line[0], "/usr/bin/signalbox");
        assert_eq!(run(&[&line[1..], &["--help"]].concat(), &[], "").code, 0, "{name}");
        // Each secret that is handed over is read, and from where it is handed to.
        let handed = text.lines().filter_map(|line| line.strip_prefix("LoadCredential="));
        let handed: Vec<_> = handed.filter_map(|line| Some(line.split_once(':')?.0)).collect();
        let read = text.lines().filter_map(|line| line.strip_prefix("Environment=SIGNALBOX__"));
        let read: Vec<_> = read.filter_map(|line| line.split_once("_FILE=%d/")).collect();
        assert_eq!(read.iter().map(|(_, file)| *file).collect::<Vec<_>>(), handed, "{name}");

        let unit = dir.join(name);
        let text = text.replace("/usr/bin/signalbox", binary().to_str().unwrap());
        fs::write(&unit, text).unwrap();
        let judged =
            Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output();
        let Ok(judged) = judged else {
            eprintln!("{name} is not verified: systemd-analyze is not on this machine");
            continue;
        };
        let said = String::from_utf8_lossy(&judged.stderr);
        // It reads the machine's own units as well.
        let said: Vec<_> = said.lines().filter(|line| line.contains("signalbox-")).collect();
        assert!(judged.status.success() && said.is_empty(), "{said:#?}");
    }
    fs::remove_dir_all(dir).unwrap();
}
