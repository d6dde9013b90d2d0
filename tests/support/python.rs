//! The Python scripts in `tests`, which check trails without the crate.

use std::{ffi::OsStr, path::Path, process::Command};

/// Runs a script and returns what it prints.
pub(crate) fn python(script: &str, arguments: &[&dyn AsRef<OsStr>]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let arguments = arguments.iter().map(|argument| argument.as_ref());
    let output = Command::new("python3").arg(&script).args(arguments).output();
    let output = output.expect("python3 is needed to run these tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the scripts print UTF-8").trim().to_owned()
}
