//! The reference of the settings.

use std::{fs, path::Path};

use tests::command::run;

#[test]
fn the_reference_in_the_docs_is_what_the_program_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/config.md");
    let printed = run(&["config", "reference"], &[], "");
    assert_eq!(printed.code, 0, "{printed:?}");
    assert!(
        fs::read_to_string(file).unwrap() == printed.out,
        "signalbox config reference > docs/reference/config.md"
    );
}
