//! A disk that is full, or becomes full, at the first start: the start names it, and the next one works.

use std::process::{Command, Output};

use super::process::binary;

/// Runs a shell script with the stack's binary as `$STACK`, the folder as `$FOLDER` and `$1`.
fn shell(command: &mut Command, script: &str, folder: &std::path::Path, argument: &str) -> Output {
    command.args(["sh", "-c", script, "sh", argument]);
    command.env("STACK", binary("pinbridge-local")).env("FOLDER", folder).output().expect("runs")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A limit on the size of files stops the start wherever it comes to, as a disk that becomes full does.
#[test]
fn a_first_start_that_stopped_anywhere_is_repaired_by_the_next() {
    let limited = r#"trap '' XFSZ; ulimit -f "$1"; exec "$STACK" --port 0 --data-dir "$FOLDER" --once"#;
    let free = r#"exec "$STACK" --port 0 --data-dir "$FOLDER" --once"#;
    let mut stopped = 0;
    // Of 512 bytes. From about 450 blocks on, a start comes to its end.
    for blocks in [0, 20, 60, 80, 100, 120, 160, 240] {
        let folder = tempfile::tempdir().expect("a folder");
        let first = shell(&mut Command::new("env"), limited, folder.path(), &blocks.to_string());
        stopped += usize::from(!first.status.success());
        let next = shell(&mut Command::new("env"), free, folder.path(), "");
        assert!(next.status.success(), "{blocks} blocks: {}\nthen: {}", told(&first), told(&next));
    }
    assert!(stopped > 3, "only {stopped} starts were stopped");
}

/// In a namespace of its own, where a test may mount a small disk without being root.
#[test]
fn a_full_disk_is_named_at_every_start_and_free_space_is_all_that_it_takes() {
    let small = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mount = r#"mount -t tmpfs -o size="$1" tmpfs "$FOLDER" || exit 77"#;
    if !small().args(["sh", "-c", mount, "sh", "1m"]).env("FOLDER", folder.path()).status().is_ok_and(|s| s.success()) {
        eprintln!("not tested: this machine lets nobody mount a disk in a namespace");
        return;
    }
    let start = r#""$STACK" --port 0 --data-dir "$FOLDER/d" --once"#;
    let is_named = format!(
        r#"said=$({start} 2>&1) && echo "it started" && exit 1
        echo "$said" | tail -n 1 | grep -q "pinbridge: .*the disk is full: .*$FOLDER" || {{ echo "$said"; exit 1; }}"#
    );
    // At the first start, then at the second, then with room for all of it.
    let first = format!("{mount}\n{is_named}\n{is_named}\nmount -o remount,size=40m \"$FOLDER\"\n{start}");
    for size in ["4k", "20k", "80k", "100k", "110k", "300k", "600k", "2m"] {
        let output = shell(&mut small(), &first, folder.path(), size);
        assert!(output.status.success(), "{size}: {}", told(&output));
    }
    // On a folder that was used before.
    let used =
        format!("{mount}\n{start}\ncat /dev/zero >\"$FOLDER/fill\" 2>&-\n{is_named}\nrm \"$FOLDER/fill\"\n{start}");
    let output = shell(&mut small(), &used, folder.path(), "40m");
    assert!(output.status.success(), "{}", told(&output));
}
