//! Checkpoints whose signer is slower than who records.

use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;

use crate::write::commit::signing_queue::MAX_WAITING_HASHES;
use crate::{
    checkpoint::{policy::Checkpoints, signer::Signer, signing_key::SigningKey, verifying_key::VerifyingKey},
    findings::verification::Verdict,
    format::draft::Draft,
    log::AuditLog,
    verify::Verifier,
};

/// Signs when it is let.
struct Slow {
    key: SigningKey,
    asked: Sender<()>,
    let_go: Mutex<Receiver<()>>,
}

impl Signer for Slow {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
        self.asked.send(())?;
        self.let_go.lock().recv()?;
        self.key.sign(message)
    }
}

#[test]
fn what_gathers_beyond_measure_is_read_back_from_the_trail() {
    let place = tempfile::tempdir().expect("a directory");
    let key = SigningKey::generate(place.path().join("key"), "example.com/audit").expect("a key");
    let public = key.verifying_key().clone();
    let (asked, was_asked) = channel();
    let (go, let_go) = channel();
    let signer = Slow { key, asked, let_go: Mutex::new(let_go) };
    let directory = place.path().join("audit");
    let builder = AuditLog::builder(&directory).checkpoints(Checkpoints::new(signer).every_entries(10));
    let log = builder.open().expect("opens");
    let append = |count: usize| {
        for _ in 0..count {
            log.append(Draft::new("a")).expect("recorded");
        }
    };
    append(10);
    was_asked.recv().expect("asked to sign");

    append(3 * MAX_WAITING_HASHES);
    for _ in 0..10 {
        go.send(()).expect("it waits");
    }
    log.checkpoint().expect("signed");
    append(5);
    log.close().expect("closes");

    let verification = Verifier::new(&directory).key(public).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert_eq!(
        verification.signed_through(),
        verification.last().and_then(|last| last.seq),
        "{verification}"
    );
}
