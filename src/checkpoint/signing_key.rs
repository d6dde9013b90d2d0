//! A signing key in a file: the private key, and the trail to which it is bound.
//!
//! ```text
//! PRIVATE+KEY+NAME+ID+base64(0x01, 32 bytes of the seed)   as Go's golang.org/x/mod/sumdb/note writes private keys
//! trail TRAIL_ID taken                                     bound, and nothing is signed yet
//! trail TRAIL_ID signed SIZE ROOT                          or: bound, with the last signed checkpoint
//! ```
//!
//! Promise: the private key never appears in `Debug`, in an error or in an entry, and its memory is overwritten after
//! use.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::Signer as _;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::{
    checkpoint::{
        proof::TreeHead,
        signer::Signer,
        statement::SignedCheckpoint,
        verifying_key::{ParseKeyError, SIGNATURE_TYPE_ED25519, VerifyingKey},
    },
    codec::merkle::TreeHash,
    error::{Error, Operation},
    format::receipt::TrailId,
    storage::{
        durable::{create_file, parent, replace_file, sync_directory},
        permissions::Permissions,
    },
};

/// Start of a private key's text.
const PRIVATE_KEY_PREFIX: &str = "PRIVATE+KEY+";

/// Number of bytes that are read of a key file. A key file is shorter.
const MAX_KEY_FILE_BYTES: u64 = 1 << 16;

/// A key that signs the checkpoints of one trail, in a file that only its owner may read.
///
/// The file records the first trail that the key signs. The key signs no other trail: with one key for two trails, an
/// attacker could present one in the place of the other. The file also records size and root of each checkpoint. The
/// key signs only checkpoints that extend the last one, so a trail that was replaced by an older copy is not signed
/// again. Keep the file, and copies of it, outside the trail's directory: else both are replaced together.
///
/// If the file is read-only once the key has signed, as on a read-only mount, the last checkpoint is kept in memory.
/// A trail that is replaced between two runs of the process is then not noticed.
///
/// ```
/// # let place = tempfile::tempdir()?;
/// # let path = place.path().join("audit.key");
/// use kling_audit::checkpoint::SigningKey;
///
/// let key = SigningKey::generate(&path, "example.com/audit")?;
/// println!("{}", key.verifying_key()); // verifiers need this
/// let key = SigningKey::open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SigningKey {
    path: PathBuf,
    public: VerifyingKey,
    key: ed25519_dalek::SigningKey,
    binding: Mutex<Option<Binding>>,
}

/// The trail to which a key is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Binding {
    trail: TrailId,
    /// `true` once a checkpoint of the trail was signed and stored.
    has_signed: bool,
    /// The last checkpoint. `None` before the first, and for a file without it.
    last: Option<TreeHead>,
}

impl SigningKey {
    /// Generates a key and writes it to `path`, which must not exist. The file has mode 0600.
    ///
    /// `origin` names the trail in its checkpoints. Use a host and path of your own without scheme, such as
    /// `example.com/audit`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if the file exists; [`Error::Conflict`] if the origin is empty or contains spaces, control
    /// characters or `+`.
    pub fn generate(path: impl Into<PathBuf>, origin: &str) -> Result<Self, Error> {
        let path = path.into();
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)
            .map_err(|error| Error::io(Operation::GenerateKey, &path)(io::Error::other(error)))?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = VerifyingKey::new(origin, key.verifying_key().as_bytes())
            .map_err(|error| unusable(Operation::CreateKey, &path, &error))?;
        let key = Self { path, public, key, binding: Mutex::new(None) };
        create_file(&key.path, Permissions::Owner, key.content(None).as_bytes())?;
        sync_directory(parent(&key.path))?;
        Ok(key)
    }

    /// Reads the key in the file `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Conflict`] if the file is not a key, or if anyone but its owner may read it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let file = File::open(&path).map_err(Error::io(Operation::Open, &path))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            let mode =
                file.metadata().map_err(Error::io(Operation::Open, &path))?.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                let reason = format!("mode {mode:04o} lets others read the key: set it to 0600");
                return Err(Error::Conflict { action: Operation::Open, path, reason });
            }
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text).map_err(Error::io(Operation::Read, &path))?;
        let KeyFile { key, public, binding } =
            KeyFile::parse(&text).map_err(|error| unusable(Operation::ReadKey, &path, &error))?;
        Ok(Self { path, public, key, binding: Mutex::new(binding) })
    }

    /// The public key, which verifiers need. Its text is the form to give them.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The trail to which the key is bound.
    #[must_use]
    pub fn trail(&self) -> Option<TrailId> {
        self.binding.lock().map(|binding| binding.trail)
    }

    /// The content of the key's file.
    fn content(&self, binding: Option<Binding>) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([SIGNATURE_TYPE_ED25519; 33]);
        bytes[1..].copy_from_slice(&*Zeroizing::new(self.key.to_bytes()));
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(*bytes));
        let mut text = Zeroizing::new(format!("{PRIVATE_KEY_PREFIX}{}+{}\n", self.public.label(), *encoded));
        if let Some(Binding { trail, has_signed, last }) = binding {
            text.push_str(&format!("trail {trail} {}", if has_signed { "signed" } else { "taken" }));
            if let Some(TreeHead { size, root }) = last {
                text.push_str(&format!(" {size} {root}"));
            }
            text.push('\n');
        }
        text
    }

    /// Replaces the file by one with `binding`. After a crash, the file is the old one or the new one as a whole: a
    /// truncated file would be a lost key.
    fn record(&self, binding: Binding) -> Result<(), Error> {
        // The target of a link is replaced and the link stays, since a mounted secret may be a link.
        let path = self.path.canonicalize().map_err(Error::io(Operation::Open, &self.path))?;
        replace_file(&path, Permissions::Owner, self.content(Some(binding)).as_bytes())?;
        *self.binding.lock() = Some(binding);
        Ok(())
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.key.try_sign(message)?.to_bytes())
    }

    fn claim(&self, trail: TrailId) -> Result<bool, Error> {
        let binding = *self.binding.lock();
        match binding {
            Some(binding) if binding.trail == trail => Ok(binding.has_signed),
            Some(Binding { trail: other, .. }) => Err(Error::Conflict {
                action: Operation::Sign,
                path: self.path.clone(),
                reason: format!("the key signs trail {other}, and this is trail {trail}: one key, one trail"),
            }),
            None => self.record(Binding { trail, has_signed: false, last: None }).map(|()| false),
        }
    }

    fn last(&self) -> Option<(u64, TreeHash)> {
        self.binding.lock().and_then(|binding| binding.last).map(|last| (last.size, last.root))
    }

    fn signed(&self, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
        let Some(before) = *self.binding.lock() else { return Ok(()) };
        let binding = Binding { trail: before.trail, has_signed: true, last: Some(checkpoint.tree_head()) };
        if binding == before {
            return Ok(());
        }
        match self.record(binding) {
            // The first checkpoint must be recorded: without that, the next run could not refuse a trail without
            // checkpoints.
            Err(Error::Io { source, .. }) if before.has_signed && is_read_only(&source) => {
                *self.binding.lock() = Some(binding);
                Ok(())
            }
            recorded => recorded,
        }
    }
}

/// Returns `true` for an error that every further write to the file will have too.
fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("path", &self.path)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// The content of a key file.
struct KeyFile {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
    binding: Option<Binding>,
}

impl KeyFile {
    fn parse(text: &str) -> Result<Self, ParseKeyError> {
        let expected = ParseKeyError::new;
        let mut lines = text.lines();
        let private = lines.next().unwrap_or_default();
        let mut parts = private.strip_prefix(PRIVATE_KEY_PREFIX).unwrap_or_default().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(expected("PRIVATE+KEY+NAME+ID+KEY"));
        };
        let bytes = BASE64_STANDARD.decode(encoded).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| expected("the private key in base64"))?;
        let seed: &[u8; 32] = match bytes.split_first() {
            Some((&SIGNATURE_TYPE_ED25519, seed)) => {
                seed.try_into().map_err(|_| expected("a private key of 32 bytes"))?
            }
            _ => return Err(expected("an Ed25519 key")),
        };
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::new(name, key.verifying_key().as_bytes())?;
        if public.label() != format!("{name}+{id}") {
            return Err(expected("an ID that belongs to name and key"));
        }
        let binding = match lines.next() {
            None => None,
            Some(line) => {
                Some(Binding::parse(line).ok_or_else(|| expected("a line `trail ID signed SIZE ROOT`"))?)
            }
        };
        Ok(Self { key, public, binding })
    }
}

impl Binding {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let (trail, state, last) = match words[..] {
            ["trail", trail, state] => (trail, state, None),
            ["trail", trail, state, size, root] => {
                let head = TreeHead { size: size.parse().ok()?, root: TreeHash::parse(root)? };
                (trail, state, Some(head))
            }
            _ => return None,
        };
        let has_signed = match state {
            "signed" => true,
            "taken" => false,
            _ => return None,
        };
        Some(Self { trail: trail.parse().ok()?, has_signed, last })
    }
}

fn unusable(action: Operation, path: &Path, error: &ParseKeyError) -> Error {
    Error::Conflict { action, path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use signed_note::Signer as _;

    use super::*;
    use crate::checkpoint::statement::Statement;

    fn trail(digit: char) -> TrailId {
        digit.to_string().repeat(32).parse().expect("an id")
    }

    #[test]
    fn a_key_file_is_read_here_and_elsewhere() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("key");
        let key = SigningKey::generate(&path, "example.com/audit").expect("made");

        let read = SigningKey::open(&path).expect("read");

        assert_eq!(read.verifying_key(), key.verifying_key());
        assert_eq!(read.trail(), None);
        let text = std::fs::read_to_string(&path).expect("text");
        let theirs = signed_note::StandardSigner::new(text.trim_end()).expect("a key to others");
        assert_eq!(theirs.sign(b"x").expect("signed"), Signer::sign(&key, b"x").expect("signed"));
    }

    #[test]
    fn one_key_signs_one_trail() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("key");
        let key = SigningKey::generate(&path, "example.com/audit").expect("made");

        assert!(!key.claim(trail('a')).expect("taken"));
        assert!(!key.claim(trail('a')).expect("taken"));
        let statement =
            Statement { origin: "example.com/audit".to_owned(), size: 3, root: TreeHash::empty() };
        let checkpoint = statement.signed(key.verifying_key(), |text| key.sign(text)).expect("signed");
        key.signed(&checkpoint).expect("recorded");

        let key = SigningKey::open(&path).expect("read");
        assert_eq!((key.trail(), key.last()), (Some(trail('a')), Some((3, TreeHash::empty()))));
        assert!(key.claim(trail('a')).expect("taken"));
        let error = key.claim(trail('b')).expect_err("refused").to_string();
        assert!(error.contains("one key, one trail"), "{error}");
    }

    #[test]
    fn a_malformed_binding_is_refused() {
        let id = "a".repeat(32);
        let root = TreeHash::empty();
        let good = |line: String| Binding::parse(&line).map(|binding| (binding.has_signed, binding.last));

        assert_eq!(good(format!("trail {id} taken")), Some((false, None)));
        assert_eq!(good(format!("trail {id} signed")), Some((true, None)));
        assert_eq!(
            good(format!("trail {id} signed 7 {root}")),
            Some((true, Some(TreeHead { size: 7, root })))
        );
        for wrong in ["", "trail", "trail a signed", "x a signed"] {
            assert_eq!(good(wrong.to_owned()), None, "{wrong}");
        }
        for wrong in ["sign", "signed 7", "signed -7 {root}", "signed 7 AAAA", "signed 7 {root} 8"] {
            assert_eq!(
                good(format!("trail {id} {}", wrong.replace("{root}", &root.to_string()))),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_private_key_is_in_no_text() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("key");
        let key = SigningKey::generate(&path, "example.com/audit").expect("made");
        let text = std::fs::read_to_string(&path).expect("text");
        let secret = text.trim_end().rsplit('+').next().expect("a key");

        assert!(!format!("{key:?}").contains(secret));
        std::fs::write(&path, text.replace("KEY+", "KEY-")).expect("written");
        let error = SigningKey::open(&path).expect_err("no key");
        assert!(!format!("{error} {error:?}").contains(secret));
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("key");
        SigningKey::generate(&path, "example.com/audit").expect("made");

        SigningKey::generate(&path, "example.com/audit").expect_err("it exists");
        SigningKey::generate(place.path().join("other"), "ex ample").expect_err("no name");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("key");
        SigningKey::generate(&path, "example.com/audit").expect("made");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");

        let error = SigningKey::open(&path).expect_err("refused").to_string();
        assert!(error.contains("0640") && error.contains("0600"), "{error}");
    }
}
