//! Values that entries withhold, where storage fails: they stand before their lines, and with them or not at all.

use crate::write::commit::tests::{
    Bench, draft, look,
    storage::{Answer, EIO, ENOSPC, Event, Faults, What},
};
use crate::{log::AuditLog, storage::private_values, write::settings::Durability};

fn withheld(number: u64) -> crate::Draft {
    draft(number).erasable("who", format!("person {number}"))
}

/// The numbers of the entries whose values are kept, as they stand in the one file of them.
fn kept(bench: &Bench) -> Vec<u64> {
    let directory = private_values::directory(&bench.trail());
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(directory).expect("values are kept") {
        let text = std::fs::read_to_string(entry.expect("readable").path()).expect("text");
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record");
            kept.push(record["seq"].as_u64().expect("a number"));
        }
    }
    kept
}

fn assert_all_at_hand(bench: &Bench, values: u64) {
    let verification = look(&bench.trail());
    let counts = verification.erasable().expect("values are kept");
    assert_eq!((counts.values, counts.at_hand, counts.missing), (values, values, 0), "{verification}");
}

#[test]
fn an_entry_whose_value_can_not_be_kept_fails() {
    for what in [What::Append, What::Sync] {
        for durability in [Durability::Written, Durability::Synced] {
            if what == What::Sync && durability == Durability::Written {
                continue;
            }
            let bench = Bench::new();
            let log = bench.open(durability);
            let first = log.append(withheld(1)).expect("recorded");
            bench.faults.rule(move |asked| match asked.private && asked.what == what {
                true => Answer::Fail(EIO),
                false => Answer::Do,
            });

            log.append(withheld(2)).expect_err("it is not kept");

            bench.faults.clear();
            if what == What::Append {
                let third = log.append(withheld(3)).expect("recorded");
                log.close().expect("closes");
                assert_eq!(kept(&bench), [first.seq, third.seq]);
                assert_all_at_hand(&bench, 2);
            } else {
                drop(log);
                bench.reopen();
                // What is not on the device may be there.
                assert!(look(&bench.trail()).erasable().expect("kept").missing == 0);
            }
        }
    }
}

#[test]
fn what_was_kept_for_a_line_that_failed_is_taken_out() {
    for persisted in [0, 1, 200, 100_000] {
        let bench = Bench::new();
        let log = bench.open(Durability::Written);
        log.append(withheld(1)).expect("recorded");
        bench.faults.rule(move |asked| match asked.what {
            What::Append if !asked.private && !asked.head => Answer::Persist(persisted, ENOSPC),
            _ => Answer::Do,
        });

        let failed = log.append(withheld(2)).is_err();

        bench.faults.clear();
        let receipt = log.append(withheld(3)).expect("recorded");
        log.close().expect("closes");
        let kept = kept(&bench);
        assert_eq!(kept.len(), if failed { 2 } else { 3 }, "{persisted}: {kept:?}");
        assert_eq!(kept.last(), Some(&receipt.seq));
        assert_all_at_hand(&bench, kept.len() as u64);
    }
}

#[test]
fn what_could_not_be_taken_out_is_taken_out_later() {
    let bench = Bench::new();
    let log = bench.open(Durability::Written);
    let first = log.append(withheld(1)).expect("recorded");
    bench.faults.rule(|asked| match (asked.what, asked.private) {
        (What::Append, false) if !asked.head => Answer::Fail(ENOSPC),
        (What::Cut, true) => Answer::Fail(EIO),
        _ => Answer::Do,
    });
    log.append(withheld(2)).expect_err("no line");
    assert_eq!(kept(&bench), [first.seq, first.seq + 1], "left over");
    assert_all_at_hand(&bench, 1);
    bench.faults.clear();

    let third = log.append(withheld(3)).expect("recorded");

    log.close().expect("closes");
    let (kept, seqs) = (kept(&bench), [first.seq, third.seq]);
    assert_eq!(kept, seqs);
    assert_all_at_hand(&bench, 2);
}

#[test]
fn a_buffered_log_keeps_values_with_the_lines_that_it_tries_again() {
    let bench = Bench::new();
    let log = bench.open(Durability::Buffered);
    bench.faults.rule(|asked| match asked.what {
        What::Append if !asked.head => Answer::Persist(100, ENOSPC),
        _ => Answer::Do,
    });
    for number in 0..20 {
        log.append(withheld(number)).expect("buffered");
    }
    log.flush().expect_err("no space");
    bench.faults.clear();

    log.flush().expect("space");

    log.close().expect("closes");
    assert_all_at_hand(&bench, 20);
    assert_eq!(kept(&bench).len(), 20);
}

#[test]
fn what_is_withheld_counts_for_the_size_of_the_buffer() {
    let bench = Bench::new();
    let log = bench.open(Durability::Buffered);
    bench.faults.rule(|asked| match asked.what {
        What::Append if !asked.head => Answer::Fail(ENOSPC),
        _ => Answer::Do,
    });
    let large = || draft(0).erasable("letter", "x".repeat(60_000));

    let taken = (0..100).take_while(|_| log.append(large()).is_ok()).count();

    assert!((1..100).contains(&taken), "{taken}");
    bench.faults.clear();
    log.flush().expect("space");
    log.close().expect("closes");
    assert_all_at_hand(&bench, taken as u64);
}

/// At no moment is a line there, or on the device, whose value is not.
#[test]
fn values_reach_the_files_and_the_device_before_their_lines() {
    let mut bench = Bench::new();
    bench.faults = Faults::with_journal();
    bench.max_file_size = Some(3_000);
    let log = bench.open(Durability::Synced);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let log: &AuditLog = &log;
            scope.spawn(move || {
                for number in 0..15 {
                    log.append(withheld(100 * thread + number)).expect("recorded");
                }
            });
        }
    });
    log.close().expect("closes");

    let (mut there, mut on_device) = ([0, 0], [0, 0]);
    for event in bench.faults.journal() {
        let (Event::Appended(path, _) | Event::Synced(path)) = &event else { continue };
        if path.ends_with(crate::format::head::NAME) {
            continue;
        }
        let is_private = path.parent().is_some_and(|parent| parent.ends_with(private_values::NAME));
        let at = usize::from(is_private);
        match &event {
            Event::Appended(_, bytes) => {
                let named: &[u8] = if is_private { b"\"salt\": " } else { b"{\"erasable\": \"" };
                there[at] += memchr::memmem::find_iter(bytes, named).count();
            }
            // One file of each is written at a time, and closed whole.
            Event::Synced(_) => on_device[at] = there[at],
            _ => {}
        }
        assert!(there[1] >= there[0], "{there:?}");
        assert!(on_device[1] >= on_device[0], "{on_device:?}");
    }
    assert_eq!(there, [45, 45]);
    assert_eq!(on_device, [45, 45]);
    assert_all_at_hand(&bench, 45);
}
