//! Checkpoints whose signer is slower than the threads that append.

use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;

use crate::{
    checkpoint::{policy::Checkpoints, signer::Signer, signing_key::SigningKey, verifying_key::VerifyingKey},
    findings::verification::Verdict,
    format::draft::Draft,
    log::AuditLog,
    verify::Verifier,
    write::commit::signing_queue::MAX_WAITING_HASHES,
};

/// A signer that waits for the test's permission before each signature.
struct WaitingSigner {
    key: SigningKey,
    requests: Sender<()>,
    permits: Mutex<Receiver<()>>,
}

impl Signer for WaitingSigner {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
        self.requests.send(())?;
        self.permits.lock().recv()?;
        self.key.sign(message)
    }
}

#[test]
fn hashes_beyond_the_queue_limit_are_read_from_the_trail() {
    let root = tempfile::tempdir().expect("a directory");
    let key = SigningKey::generate(root.path().join("key"), "example.com/audit").expect("a key");
    let public = key.verifying_key().clone();
    let (requests, requested) = channel();
    let (permit, permits) = channel();
    let signer = WaitingSigner { key, requests, permits: Mutex::new(permits) };
    let directory = root.path().join("audit");
    let builder = AuditLog::builder(&directory).checkpoints(Checkpoints::new(signer).every_entries(10));
    let log = builder.open().expect("opens");
    let append = |count: usize| {
        for _ in 0..count {
            log.append(Draft::new("a")).expect("recorded");
        }
    };
    append(10);
    requested.recv().expect("the signer is called");

    // While the checkpointer waits for its signer, the queue overflows and drops hashes.
    append(3 * MAX_WAITING_HASHES);
    for _ in 0..10 {
        permit.send(()).expect("the signer waits");
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
