//! A signing key in a file: the private key, and the trail that it signs.
//!
//! The first line is a private key as others write them (`PRIVATE+KEY+NAME+ID+KEY`), the second says which trail the key
//! was taken for, and the last checkpoint that it signed. The key never reaches `Debug`, an error or an entry.

use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::Signer as _;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::checkpoint::signer::Signer;
use crate::{
    checkpoint::{
        statement::SignedCheckpoint,
        verifying_key::{ED25519, ParseKeyError, VerifyingKey},
    },
    codec::merkle::TreeHash,
    error::{Error, Operation},
    format::receipt::TrailId,
    storage::{
        durable::{create_file, parent, replace_file, sync_directory},
        permissions::Permissions,
    },
};

/// How the text of a private key begins.
const PRIVATE: &str = "PRIVATE+KEY+";

/// More than a key file has.
const LIMIT: u64 = 1 << 16;

/// A key that signs the checkpoints of one trail, in a file that its owner alone may read.
///
/// The file records the trail that it first signs, and then signs no other: with one key for two trails, one could be
/// shown in the place of the other. With each checkpoint it records that one's size and root, and then signs nothing that
/// does not go on from it: a trail that was put back to an older state is not signed again. So keep the file, and copies of
/// it, where the trail's directory does not go along with it.
///
/// Where the file can't be written once the key has signed, as on a mount that is read-only, the last checkpoint is
/// remembered as long as the process runs, and a trail that is put back between two runs is not told from one that goes on.
///
/// ```
/// # let place = tempfile::tempdir()?;
/// # let path = place.path().join("audit.key");
/// use kling_audit::checkpoint::SigningKey;
///
/// let key = SigningKey::generate(&path, "example.com/audit")?;
/// println!("{}", key.verifying_key()); // give this to those who verify
/// let key = SigningKey::open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SigningKey {
    path: PathBuf,
    public: VerifyingKey,
    key: ed25519_dalek::SigningKey,
    taken: Mutex<Option<Taken>>,
}

/// What a key was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    trail: TrailId,
    /// Whether a checkpoint of it was signed and stored.
    signed: bool,
    /// The last one's size and root.
    last: Option<(u64, TreeHash)>,
}

impl SigningKey {
    /// Draws a new key and writes it to `path`, which must not exist; its mode is 0600.
    ///
    /// `origin` names the trail in its checkpoints: a host and path that is nobody else's, without scheme, such as
    /// `example.com/audit`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also where the file exists; [`Error::Conflict`] for an origin that is empty or holds spaces, control
    /// characters or `+`.
    pub fn generate(path: impl Into<PathBuf>, origin: &str) -> Result<Self, Error> {
        let path = path.into();
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)
            .map_err(|error| Error::io(Operation::GenerateKey, &path)(std::io::Error::other(error)))?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = VerifyingKey::new(origin, key.verifying_key().as_bytes())
            .map_err(|error| unusable(Operation::CreateKey, &path, &error))?;
        let key = Self { path, public, key, taken: Mutex::new(None) };
        create_file(&key.path, Permissions::Owner, key.content(None).as_bytes())?;
        sync_directory(parent(&key.path))?;
        Ok(key)
    }

    /// Reads the key in `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Conflict`] if there is no key in it, or others than its owner may read it.
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
        file.take(LIMIT).read_to_string(&mut text).map_err(Error::io(Operation::Read, &path))?;
        let read = Content::parse(&text).map_err(|error| unusable(Operation::ReadKey, &path, &error))?;
        Ok(Self { path, public: read.public, key: read.key, taken: Mutex::new(read.taken) })
    }

    /// The public half: what checkpoints are checked with. Its text is for those who verify.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The trail that the key signs, once it was taken for one.
    #[must_use]
    pub fn trail(&self) -> Option<TrailId> {
        self.taken.lock().map(|taken| taken.trail)
    }

    /// The content of the key's file.
    fn content(&self, taken: Option<Taken>) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([ED25519; 33]);
        bytes[1..].copy_from_slice(&*Zeroizing::new(self.key.to_bytes()));
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(*bytes));
        let mut text = Zeroizing::new(format!("{PRIVATE}{}+{}\n", self.public.label(), *encoded));
        if let Some(Taken { trail, signed, last }) = taken {
            text.push_str(&format!("trail {trail} {}", if signed { "signed" } else { "taken" }));
            if let Some((size, root)) = last {
                text.push_str(&format!(" {size} {root}"));
            }
            text.push('\n');
        }
        text
    }

    /// Records in the file what the key was taken for, whole or not at all.
    fn record(&self, taken: Taken) -> Result<(), Error> {
        // A link, as a mounted secret may be one, stays a link.
        let path = self.path.canonicalize().map_err(Error::io(Operation::Open, &self.path))?;
        replace_file(&path, Permissions::Owner, self.content(Some(taken)).as_bytes())?;
        *self.taken.lock() = Some(taken);
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
        let taken = *self.taken.lock();
        match taken {
            Some(taken) if taken.trail == trail => Ok(taken.signed),
            Some(Taken { trail: other, .. }) => Err(Error::Conflict {
                action: Operation::Sign,
                path: self.path.clone(),
                reason: format!("the key signs trail {other}, and this is trail {trail}: one key, one trail"),
            }),
            None => self.record(Taken { trail, signed: false, last: None }).map(|()| false),
        }
    }

    fn last(&self) -> Option<(u64, TreeHash)> {
        self.taken.lock().and_then(|taken| taken.last)
    }

    fn signed(&self, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
        let Some(before) = *self.taken.lock() else { return Ok(()) };
        let last = Some((checkpoint.size(), checkpoint.root()));
        let taken = Taken { trail: before.trail, signed: true, last };
        if taken == before {
            return Ok(());
        }
        match self.record(taken) {
            Err(Error::Io { source, .. }) if before.signed && is_unwritable(&source) => {
                *self.taken.lock() = Some(taken);
                Ok(())
            }
            recorded => recorded,
        }
    }
}

/// Whether the place of the file lets nothing be written, ever.
fn is_unwritable(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("path", &self.path)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// What a key file says.
struct Content {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
    taken: Option<Taken>,
}

impl Content {
    fn parse(text: &str) -> Result<Self, ParseKeyError> {
        let expected = ParseKeyError::new;
        let mut lines = text.lines();
        let private = lines.next().unwrap_or_default();
        let mut parts = private.strip_prefix(PRIVATE).unwrap_or_default().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(expected("PRIVATE+KEY+NAME+ID+KEY"));
        };
        let bytes = BASE64_STANDARD.decode(encoded).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| expected("the private key in base64"))?;
        let seed: &[u8; 32] = match bytes.split_first() {
            Some((&ED25519, seed)) => seed.try_into().map_err(|_| expected("a private key of 32 bytes"))?,
            _ => return Err(expected("an Ed25519 key")),
        };
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::new(name, key.verifying_key().as_bytes())?;
        if public.label() != format!("{name}+{id}") {
            return Err(expected("an ID that belongs to name and key"));
        }
        let taken = match lines.next() {
            None => None,
            Some(line) => {
                Some(Taken::parse(line).ok_or_else(|| expected("a line `trail ID signed SIZE ROOT`"))?)
            }
        };
        Ok(Self { key, public, taken })
    }
}

impl Taken {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let (trail, signed, last) = match words[..] {
            ["trail", trail, signed] => (trail, signed, None),
            ["trail", trail, signed, size, root] => {
                (trail, signed, Some((size.parse().ok()?, TreeHash::parse(root)?)))
            }
            _ => return None,
        };
        let signed = match signed {
            "signed" => true,
            "taken" => false,
            _ => return None,
        };
        Some(Self { trail: trail.parse().ok()?, signed, last })
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
    fn a_key_is_read_back_as_written_and_others_can_sign_with_it() {
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
    fn what_a_key_was_taken_for_is_read_or_refused() {
        let id = "a".repeat(32);
        let root = TreeHash::empty();
        let good = |line: String| Taken::parse(&line).map(|taken| (taken.signed, taken.last));

        assert_eq!(good(format!("trail {id} taken")), Some((false, None)));
        assert_eq!(good(format!("trail {id} signed")), Some((true, None)));
        assert_eq!(good(format!("trail {id} signed 7 {root}")), Some((true, Some((7, root)))));
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
    fn a_key_shows_itself_to_nobody() {
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
    fn a_key_is_never_written_over() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("key");
        SigningKey::generate(&path, "example.com/audit").expect("made");

        SigningKey::generate(&path, "example.com/audit").expect_err("it exists");
        SigningKey::generate(place.path().join("other"), "ex ample").expect_err("no name");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
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
